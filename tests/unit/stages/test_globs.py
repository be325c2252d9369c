"""Path patterns."""

import pytest

from repoloom_stages.origins.globs import Globs

MATCHES = {
    "a star is any name in the root": ("*.py", "a.py"),
    "a star may be empty": ("a*.py", "a.py"),
    "a star within a folder": ("src/*.py", "src/a.py"),
    "two stars alone are every path": ("**", "a/b/c.py"),
    "two stars at the start may be no folder": ("**/a.py", "a.py"),
    "two stars at the start may be many folders": ("**/a.py", "x/y/a.py"),
    "two stars in the middle may be no folder": ("src/**/a.py", "src/a.py"),
    "two stars in the middle may be many folders": ("src/**/a.py", "src/x/y/a.py"),
    "two stars at the end are all below": ("src/**", "src/x/y/a.py"),
    "repeated double stars are one": ("**/**/a.py", "a.py"),
    "double stars on both sides": ("**/tests/**", "tests/a.py"),
    "two stars in a name are one star": ("a**.py", "abc.py"),
    "a question mark is one character": ("a?.py", "ab.py"),
    "a class": ("[ab].py", "b.py"),
    "a range": ("v[0-9].py", "v7.py"),
    "a class that excludes": ("[!ab].py", "c.py"),
    "a caret excludes too": ("[^ab].py", "c.py"),
    "a closing bracket first in a class": ("[]].py", "].py"),
    "a hyphen last in a class": ("[a-].py", "-.py"),
    "an open bracket without end": ("a[.py", "a[.py"),
    "dots and plus signs mean themselves": ("a.c++", "a.c++"),
    "braces mean themselves": ("{a,b}.py", "{a,b}.py"),
    "a hidden file is a file": ("*", ".env"),
    "a newline is a character": ("*.py", "a\nb.py"),
    "other scripts": ("**/*.py", "ä/日本.py"),
}

REFUSALS = {
    "a star does not cross folders": ("*.py", "a/b.py"),
    "nothing matches at depth by itself": ("a.py", "x/a.py"),
    "a pattern is the whole path": ("src", "src/a.py"),
    "a star is no slash": ("a*b", "a/b"),
    "a question mark is no slash": ("a?b", "a/b"),
    "an excluding class is no slash": ("a[!x]b", "a/b"),
    "a range over the slash is none": ("a[+-9]b", "a/b"),
    "two stars in a name stay in the folder": ("a**.py", "a/b.py"),
    "two stars at the end need something below": ("src/**", "src"),
    "two stars do not end within a name": ("**/a.py", "xa.py"),
    "case counts": ("*.PY", "a.py"),
    "a dot is a dot": ("a.py", "abpy"),
    "a backwards range holds nothing": ("[z-a].py", "m.py"),
    "a line break at the end counts": ("a.py", "a.py\n"),
}


@pytest.mark.parametrize(("pattern", "path"), MATCHES.values(), ids=MATCHES)
def test_pattern_matches(pattern: str, path: str) -> None:
    assert Globs([pattern]).match(path)


@pytest.mark.parametrize(("pattern", "path"), REFUSALS.values(), ids=REFUSALS)
def test_pattern_does_not_match(pattern: str, path: str) -> None:
    assert not Globs([pattern]).match(path)


def test_no_pattern_matches_nothing() -> None:
    assert not Globs([]).match("a.py")
    assert not Globs([]).match("")


def test_any_of_several_patterns_is_enough() -> None:
    globs = Globs(["**/*.rs", "docs/*"])
    assert globs.match("a/b.rs")
    assert globs.match("docs/b.md")
    assert not globs.match("docs/a/b.md")


def test_many_stars_take_no_longer_than_few() -> None:
    assert not Globs(["*a" * 40 + "b", "**/" * 20 + "x"]).match("a" * 60)
