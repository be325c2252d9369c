"""Documentation comments: what a comment says, without the marks of comments and the tags of documentation tools."""

import re
from collections.abc import Callable

MAX_CHARACTERS = 20_000
"""Of a comment that is read. The first paragraph is what counts."""

_MARKS = re.compile(r"^[ \t]*(?:/\*[*!]?<?|//[/!]?<?|\*(?!/))[ \t]?|[ \t]*\*+/[ \t]*$", re.MULTILINE)
_BRIEF = re.compile(r"^[ \t]*[@\\](?:brief|short|summary|description)\b[ \t]*", re.MULTILINE)
_TAG = re.compile(r"^[ \t]*[@\\][a-z]|[@\\](?:param|returns?|throws?)\b", re.MULTILINE)
_FONT = re.compile(r"[@\\][abcep]\s+(?=\S)")
_INLINE = re.compile(r"\{@\w+\s+([^{}]*)\}")
_PARAGRAPH = re.compile(r"</?(?:p|P)\s*/?>")
_MARKUP = re.compile(r"</?[A-Za-z][^<>]*>")
_SUMMARY = re.compile(r"<summary>(.*?)(?:</summary>|\Z)", re.DOTALL)
_REFERENCE = re.compile(r"<(?:see|seealso|paramref|typeparamref)\s+\w+=\"(?:\w:)?([^\"]*)\"\s*/>")

LICENCE = re.compile(r"copyright|licen[cs]ed?\b|spdx", re.IGNORECASE)
"""Words of comments that are about a file's licence and not about what it holds."""


def said_by(*openings: str, markup: bool = False) -> Callable[[str], str | None]:
    """A reader of comments with these openings: what they say, or None for other comments.

    With `markup`, tags of HTML or XML are left out, and of C#'s documentation the summary is taken.
    """

    def said(comment: str) -> str | None:
        if not comment.startswith(openings) or comment == "/**/":
            return None
        text = _line(comment) if comment.startswith("//") else _MARKS.sub("", comment[:MAX_CHARACTERS])
        return without_tags(_without_markup(text) if markup else text)

    return said


def _line(comment: str) -> str:
    """A line comment without its marks."""
    return comment[:MAX_CHARACTERS].lstrip("/!<").removeprefix(" ").rstrip()


def without_tags(text: str) -> str:
    """Up to the first tag (`@param`), links by what they name; `@brief` is what counts where there is one."""
    if "@" not in text and "\\" not in text:
        return text
    if brief := _BRIEF.search(text):
        text = text[brief.end() :]
    text = _FONT.sub("", text)
    tag = _TAG.search(text)
    return _INLINE.sub(r"\1", text[: tag.start()] if tag else text)


def _without_markup(text: str) -> str:
    if "<" not in text:
        return text
    if summary := _SUMMARY.search(text):
        text = summary[1]
    return _MARKUP.sub("", _PARAGRAPH.sub("\n\n", _REFERENCE.sub(r"\1", text)))
