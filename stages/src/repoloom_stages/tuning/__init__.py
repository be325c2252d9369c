"""Models and what they read and write: loading, windows of tokens, completions, bits per byte."""
