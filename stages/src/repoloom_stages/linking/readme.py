"""What a README says first, in plain words: the purpose of a package whose manifest has no description."""

import re

MAX_LINES = 200
"""What a project is for stands at the top of its README, or nowhere."""

_SKIPPED = re.compile(
    r"\s*(?:#|=+\s*$|-+\s*$|~+\s*$|<|\||!\[|\[!\[|\[[^\]]*\]:|\.\. |:\w+:|[*_-]{3,}\s*$|>\s*\[!|[-*+]\s|\d+[.)]\s)"
)
"""Headings and their underlines, HTML, tables, images, badges, link targets, directives, rules, callouts, lists."""

_LINKS_ONLY = re.compile(r"[\s|•·*-]*(?:!?\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])[\s|•·*-]*)+$")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])?")
_REST_LINK = re.compile(r"`([^`<]+?)\s*<[^`>]*>`_{1,2}")
_TAG = re.compile(r"<[^<>]*>")
_EMPHASIS = re.compile(r"\*{1,3}(?=\S)|(?<=\S)\*{1,3}|(?<!\w)_{1,2}(?=\S)|(?<=\S)_{1,2}(?!\w)|``?")
_SENTENCE = re.compile(r".*?[.!?](?=\s|$)", re.DOTALL)
_ABBREVIATED = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|approx|no)|\b[A-Z])\.$", re.IGNORECASE)


def first_sentence(text: str) -> str:
    """The first sentence of a README's first paragraph of prose; empty if there is none."""
    paragraph = " ".join(_first_paragraph(text.splitlines()[:MAX_LINES]))
    plain = _EMPHASIS.sub("", _TAG.sub("", _LINK.sub(r"\1", _REST_LINK.sub(r"\1", paragraph))))
    plain = " ".join(plain.split())
    end = 0
    while found := _SENTENCE.match(plain, end):
        end = found.end()
        if not _ABBREVIATED.search(plain[max(0, end - 10) : end]):
            return plain[:end]
    return plain


def _first_paragraph(lines: list[str]) -> list[str]:
    """The lines of the first paragraph that is neither markup nor code."""
    found: list[str] = []
    fenced = False
    for line in lines:
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
            if found:
                return found
        elif fenced:
            continue
        elif not line.strip():
            if found:
                return found
        elif _underlines(line) and found:
            found = []  # what stood above was a heading
        elif found or not (line.startswith(("    ", "\t")) or _SKIPPED.match(line) or _LINKS_ONLY.match(line)):
            found.append(line.strip().removeprefix("> "))
    return found


def _underlines(line: str) -> bool:
    stripped = line.strip()
    return len(stripped) >= 3 and len(set(stripped)) == 1 and stripped[0] in "=-~^*"
