"""What a line of code says, for those that look for novel ones: `novel_lines` by time, `novelty` by file."""

MIN_CHARACTERS = 4
"""Lines with fewer characters besides white space (`}`, `]);`) say nothing about who knows the code."""


def says_something(line: str) -> bool:
    """Whether a line can be novel at all: it has a letter, and more around it than an `if`."""
    return len("".join(line.split())) >= MIN_CHARACTERS and any(character.isalpha() for character in line)
