"""Places: to which package, module and layer a file belongs, by its path and the manifests above it.

`index-code` writes them; what the files there hold is in the index, what they say together in the links.
"""

from collections.abc import Iterable, Sequence

from repoloom_api.v1alpha1.datasetbuild import Layer
from repoloom_stages.linking.manifest_values import Package
from repoloom_stages.linking.module_paths import module_path
from repoloom_stages.linking.packages import read_packages
from repoloom_stages.links import Manifest, PlacedFile
from repoloom_stages.origins.globs import Globs
from repoloom_stages.records import SourceFile

_KINDS = {
    "rust": "cargo",
    "python": "python",
    "javascript": "npm",
    "tsx": "npm",
    "typescript": "npm",
    "vue": "npm",
    "svelte": "npm",
    "csharp": "nuget",
    "fsharp": "nuget",
    "go": "go",
    "java": "maven",
    "kotlin": "maven",
}
"""The packages that files of a language are in, though a package of another kind lie nearer."""


class Places:
    """The packages and layers of a snapshot."""

    def __init__(self, manifests: Iterable[Manifest], layers: Sequence[Layer]) -> None:
        self.packages = read_packages(manifests)
        self._by_folder: dict[str, list[Package]] = {}
        for package in self.packages.found:
            self._by_folder.setdefault(package.folder, []).append(package)
        self._layers = [(layer.name, Globs(layer.paths)) for layer in layers]

    @property
    def broken(self) -> int:
        """Manifests that could not be read."""
        return self.packages.broken

    def package_of(self, path: str, language: str) -> Package | None:
        """The nearest package above a file that its language is written in, else the nearest of any kind."""
        wanted = _KINDS.get(language)
        nearest = None
        folder = path
        while folder:
            folder = folder.rpartition("/")[0]
            for package in self._by_folder.get(folder, ()):
                if wanted in (None, package.kind):
                    return package
                nearest = nearest or package
        return nearest

    def place(self, file: SourceFile) -> PlacedFile:
        """Where a file belongs."""
        package = self.package_of(file["path"], file["language"])
        return PlacedFile(
            repo=file["repo"],
            path=file["path"],
            split=file["split"],
            bytes=file["bytes"],
            crate=package.name if package else "",
            purpose=self.packages.purpose(package) if package else "",
            module=module_path(file["path"], file["language"], package),
            layer=next((name for name, paths in self._layers if paths.match(file["path"])), ""),
        )
