"""The path of a file's module, as its language writes it, from where the file and its package's manifest lie."""

from repoloom_stages.linking.manifest_values import Package

_JAVA_ROOTS = ("src/main/java/", "src/test/java/", "src/main/kotlin/", "src/test/kotlin/", "src/")
_PYTHON_ROOTS = ("src/", "lib/", "python/")


def module_path(path: str, language: str, package: Package | None) -> str:
    """`router::core::payments` for Rust, `package.module` for Python, a package for Go and Java; else the folder."""
    folder = package.folder if package else ""
    below = path[len(folder) + 1 :] if folder else path
    if language == "rust":
        return rust_module(below, package)
    if language == "python":
        return _python_module(below)
    if language == "go" and package and package.kind == "go":
        return "/".join([package.name, *below.split("/")[:-1]])
    if language in ("java", "kotlin"):
        return ".".join(_without(below, _JAVA_ROOTS).split("/")[:-1])
    return path.rpartition("/")[0]


def rust_module(below: str, package: Package | None) -> str:
    """Path of the module in a file, which lies at `below` in its crate's folder.

    Programs, tests, examples and benches are crates of their own; here they are modules beside the library's, such as
    `name::tests::file`.
    """
    crate = package.code_name or package.name.replace("-", "_") if package else ""
    if package and below == package.library:
        return crate
    parts = below.removesuffix(".rs").split("/")
    if parts[0] == "src" or (package and "/" in package.library and parts[0] == package.library.split("/")[0]):
        parts = parts[1:]
    if parts and parts[-1] in ("mod", "main", "lib"):
        parts = parts[:-1]
    return "::".join([*([crate] if crate else []), *(part.replace("-", "_") for part in parts)])


def _python_module(below: str) -> str:
    parts = _without(below, _PYTHON_ROOTS).removesuffix(".pyi").removesuffix(".py").split("/")
    return ".".join(parts[:-1] if parts[-1] in ("__init__", "__main__") else parts)


def _without(path: str, roots: tuple[str, ...]) -> str:
    return next((path.removeprefix(root) for root in roots if path.startswith(root)), path)
