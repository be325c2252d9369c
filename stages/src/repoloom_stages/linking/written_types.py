"""Types as they are written in languages other than Rust: the name of the one type that a value's methods are of."""

import re
from functools import lru_cache

_MAX_PARTS = 8

_NAME = re.compile(r"[^\W\d][\w$]*(?:(?:\.|::)[^\W\d][\w$]*)*")
_GENERIC = re.compile(r"([\w$.:]+)\s*(?:<(.*)>|\[(.+)\])?", re.DOTALL)
_WORDS = re.compile(
    r"^(?:(?:async|auto|class|const|constexpr|enum|extern|final|in|inline|mutable|out|params|readonly|ref|scoped|static|struct"
    r"|this|typename|virtual|volatile)\s+)+"
)
_CONST_AT_END = re.compile(r"\bconst\Z")
_UNTOLD = frozenset({"None", "null", "undefined"})
_OPTIONAL = frozenset({"Optional", "t.Optional", "typing.Optional"})
_AWAITED = frozenset({"Promise", "PromiseLike", "Task", "ValueTask"})
"""What `await` takes a value out of; of its own methods, a type here hardly has one."""


@lru_cache(maxsize=16_384)
def named_type(text: str, language: str) -> str:
    """`Foo` of `const Foo&`, `*Foo`, `Foo<T>`, `Foo | None`, `Promise<Foo>`; empty for a list, a union, a function."""
    for _ in range(_MAX_PARTS):
        text = _WORDS.sub("", text.strip().strip("\"'*&?! "))
        if language == "cpp":
            text = _CONST_AT_END.sub("", text.rstrip(" *&")).rstrip(" *&")
        if "|" in text and "[" not in text and "<" not in text:
            told = [one for one in map(str.strip, text.split("|")) if one not in _UNTOLD]
            text = told[0] if len(told) == 1 else ""
        found = _GENERIC.fullmatch(text)
        if found is None:
            return ""
        name, inner = found[1], found[2] or found[3]
        if inner and (name in _AWAITED or (language == "python" and name in _OPTIONAL)):
            text = inner
            continue
        if found[3] and language not in ("go", "python"):
            return ""
        return name if _NAME.fullmatch(name) else ""
    return ""


def part_of(returns: str, part: int) -> str:
    """One of several results of a function of Go: `(*Foo, error)`, `(a, b *Foo, err error)`."""
    if not returns.startswith("("):
        return returns if part == 0 else ""
    parts = returns[1:-1].split(",")
    if "(" in returns[1:-1] or "{" in returns or part >= len(parts):
        return ""
    return parts[part].strip().rpartition(" ")[2] if not parts[part].strip().startswith(("chan ", "map[")) else ""
