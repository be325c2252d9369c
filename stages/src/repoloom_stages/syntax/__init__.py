"""From a file's text to its facts: grammars, what is common to languages, and a module for each of them."""
