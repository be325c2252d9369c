"""Languages of files, and comments in them."""

import pytest

from repoloom_stages.syntax.languages import comment, language_of

KNOWN = {
    "src/lib.rs": "rust",
    "a/b.py": "python",
    "stubs/a.pyi": "python",
    "A.PY": "python",
    "web/app.tsx": "tsx",
    "web/app.ts": "typescript",
    "main.go": "go",
    "Main.java": "java",
    "a.c": "c",
    "a.h": "cpp",
    "a.hpp": "cpp",
    "A.cs": "csharp",
    "a.rb": "ruby",
    "a.php": "php",
    "run.sh": "shell",
    "Cargo.toml": "toml",
    "ci.yml": "yaml",
    "package.json": "json",
    "README.md": "markdown",
    "schema.sql": "sql",
    "api.proto": "protobuf",
    "index.html": "html",
    "a.css": "css",
    "A.kt": "kotlin",
    "A.swift": "swift",
    "A.scala": "scala",
    "docker/Dockerfile": "dockerfile",
    "Makefile": "makefile",
    "CMakeLists.txt": "cmake",
}


@pytest.mark.parametrize(("path", "language"), KNOWN.items(), ids=KNOWN)
def test_language_follows_from_the_name(path: str, language: str) -> None:
    assert language_of(path) == language


@pytest.mark.parametrize("path", ["LICENSE", "notes.txt", "image.png", ".rs", "src.rs/data", "a.", "rs"])
def test_other_names_have_no_language(path: str) -> None:
    assert language_of(path) is None


def test_comments_are_the_languages_own() -> None:
    lines = ["File: a", "Kind: b"]
    assert comment("rust", lines) == ["// File: a", "// Kind: b"]
    assert comment("python", lines) == ["# File: a", "# Kind: b"]
    assert comment("sql", lines) == ["-- File: a", "-- Kind: b"]
    assert comment("markdown", lines) == ["<!-- File: a -->", "<!-- Kind: b -->"]
    assert comment("css", lines) == ["/* File: a */", "/* Kind: b */"]
    assert comment("text", lines) == ["# File: a", "# Kind: b"]


def test_no_text_ends_a_comment() -> None:
    assert comment("css", ["a */ b"]) == ["/* a * / b */"]
    assert comment("html", ["a --> b"]) == ["<!-- a - -> b -->"]
    assert comment("rust", ["a\nb\u2028c"]) == ["// a", "// b", "// c"]


def test_an_empty_line_stays_a_line() -> None:
    assert comment("python", ["a", "", "b"]) == ["# a", "#", "# b"]
