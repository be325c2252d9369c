"""Tags that say what a part of a text is. `code-units` counts their tokens, `write-output` writes them."""


def tag_code(text: str) -> str:
    """A sample's text as code, the way the output format `taggedText` has it."""
    return f"<code>\n{text}\n</code>"
