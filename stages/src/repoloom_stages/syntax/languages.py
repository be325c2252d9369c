"""Languages by file name, and how each writes a comment. Which of them can be parsed is `index-code`'s to know."""

from collections.abc import Iterable
from dataclasses import dataclass

TEXT = "text"
"""A file that was asked for by name and whose language is not known."""


@dataclass(frozen=True)
class _Language:
    """What stands before and after a comment's text on its line, and which files are written in it."""

    before: str
    after: str
    suffixes: tuple[str, ...]
    names: tuple[str, ...] = ()


def _slashes(*suffixes: str) -> _Language:
    return _Language("// ", "", suffixes)


def _hash(*suffixes: str, names: tuple[str, ...] = ()) -> _Language:
    return _Language("# ", "", suffixes, names)


def _dashes(*suffixes: str) -> _Language:
    return _Language("-- ", "", suffixes)


def _semicolons(*suffixes: str) -> _Language:
    return _Language("; ", "", suffixes)


def _percent(*suffixes: str) -> _Language:
    return _Language("% ", "", suffixes)


def _block(*suffixes: str) -> _Language:
    return _Language("/* ", " */", suffixes)


def _markup(*suffixes: str) -> _Language:
    return _Language("<!-- ", " -->", suffixes)


_LANGUAGES = {
    "ada": _dashes(".adb", ".ads"),
    "astro": _markup(".astro"),
    "c": _slashes(".c"),
    "clojure": _semicolons(".clj", ".cljs", ".cljc", ".edn"),
    "cmake": _hash(".cmake", names=("cmakelists.txt",)),
    # `.h` is of both. C++'s grammar reads C's headers as well as C's own does, which cannot read C++'s.
    "cpp": _slashes(".cc", ".cpp", ".cxx", ".c++", ".h", ".hh", ".hpp", ".hxx", ".inl", ".ipp"),
    "csharp": _slashes(".cs"),
    "css": _block(".css"),
    "cuda": _slashes(".cu", ".cuh"),
    "dart": _slashes(".dart"),
    "dockerfile": _hash(".dockerfile", names=("dockerfile", "containerfile")),
    "elixir": _hash(".ex", ".exs"),
    "elm": _dashes(".elm"),
    "erlang": _percent(".erl", ".hrl"),
    "fortran": _Language("! ", "", (".f90", ".f95", ".f03", ".f08")),
    "fsharp": _slashes(".fs", ".fsi", ".fsx"),
    "go": _slashes(".go"),
    "graphql": _hash(".graphql", ".gql"),
    "groovy": _slashes(".groovy", ".gradle"),
    "haskell": _dashes(".hs"),
    "hcl": _hash(".tf", ".hcl", ".tfvars"),
    "html": _markup(".html", ".htm", ".xhtml"),
    "ini": _semicolons(".ini", ".cfg"),
    "java": _slashes(".java"),
    "javascript": _slashes(".js", ".jsx", ".mjs", ".cjs"),
    # JSON has no comments; readers that allow them (JSON5, JSONC) take these.
    "json": _slashes(".json", ".jsonc", ".json5"),
    "julia": _hash(".jl"),
    "just": _hash(".just", names=("justfile",)),
    "kotlin": _slashes(".kt", ".kts"),
    "latex": _percent(".tex", ".sty"),
    "less": _slashes(".less"),
    "lisp": _semicolons(".lisp", ".el", ".scm", ".rkt"),
    "lua": _dashes(".lua"),
    "makefile": _hash(".mk", names=("makefile", "gnumakefile")),
    "markdown": _markup(".md", ".markdown", ".mdx"),
    "nim": _hash(".nim"),
    "nix": _hash(".nix"),
    "objective-c": _slashes(".m", ".mm"),
    "ocaml": _Language("(* ", " *)", (".ml", ".mli")),
    "perl": _hash(".pl", ".pm"),
    "php": _slashes(".php"),
    "powershell": _hash(".ps1", ".psm1"),
    "protobuf": _slashes(".proto"),
    "python": _hash(".py", ".pyi"),
    "r": _hash(".r"),
    "restructuredtext": _Language(".. ", "", (".rst",)),
    "ruby": _hash(".rb", ".rake", ".gemspec", names=("gemfile", "rakefile")),
    "rust": _slashes(".rs"),
    "scala": _slashes(".scala", ".sc", ".sbt"),
    "scss": _slashes(".scss"),
    "shell": _hash(".sh", ".bash", ".zsh", ".fish"),
    "solidity": _slashes(".sol"),
    "sql": _dashes(".sql"),
    "starlark": _hash(".bzl", ".bazel", ".star"),
    "svelte": _markup(".svelte"),
    "swift": _slashes(".swift"),
    "toml": _hash(".toml"),
    # Apart from TypeScript, whose grammar reads `<T>x` differently.
    "tsx": _slashes(".tsx"),
    "typescript": _slashes(".ts", ".mts", ".cts"),
    "vue": _markup(".vue"),
    "wgsl": _slashes(".wgsl"),
    "xml": _markup(".xml", ".xsd", ".xsl"),
    "yaml": _hash(".yaml", ".yml"),
    "zig": _slashes(".zig"),
}

_BY_SUFFIX = {suffix: name for name, language in _LANGUAGES.items() for suffix in language.suffixes}
_BY_NAME = {file: name for name, language in _LANGUAGES.items() for file in language.names}
_PLAIN = _hash()


def language_of(path: str) -> str | None:
    """The language of a file by its name or its last suffix, whatever their case; None if not known."""
    name = path.rpartition("/")[2].lower()
    stem, dot, suffix = name.rpartition(".")
    return _BY_NAME.get(name) or (_BY_SUFFIX.get(dot + suffix) if stem else None)


def comment(language: str, lines: Iterable[str]) -> list[str]:
    """Those lines as comment lines of the language; no text in them can end the comment early."""
    style = _LANGUAGES.get(language, _PLAIN)
    end = style.after.strip()
    whole = (part for line in lines for part in line.splitlines() or [""])
    if end:
        whole = (part.replace(end, f"{end[0]} {end[1:]}") for part in whole)
    return [f"{style.before}{part}{style.after}".rstrip() for part in whole]
