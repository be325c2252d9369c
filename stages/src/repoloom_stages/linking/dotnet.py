"""Projects of .NET: what an MSBuild file says of its folder. Conditions and properties are not evaluated."""

from collections.abc import Iterator
from posixpath import normpath
from xml.etree import ElementTree as ET

from repoloom_stages.linking.manifest_values import Dependency, Package, plain_xml

DOTNET = "nuget"
PROJECT_ENDINGS = (".csproj", ".fsproj", ".vbproj")


def read_project(path: str, text: str) -> Package:
    """The project in a file of that path; its name is that of its package or assembly, else the file's."""
    folder, _, file = path.rpartition("/")
    root = plain_xml(text)
    space = root.tag.rpartition("}")[0] + "}" if root.tag.startswith("{") else ""
    stem = file.rpartition(".")[0]
    return Package(
        kind=DOTNET,
        name=_property(root, f"{space}PackageId") or _property(root, f"{space}AssemblyName") or stem,
        folder=folder,
        description=_property(root, f"{space}Description"),
        dependencies=tuple(_dependencies(folder, root, space)),
        usings=tuple(
            dict.fromkeys(
                one.get("Include", "").strip()
                for one in root.iter(f"{space}Using")
                if not one.get("Static") and not one.get("Alias") and one.get("Include")
            )
        ),
    )


def _property(root: ET.Element, tag: str) -> str:
    """The first value of a property that says it without naming others."""
    values = ((one.text or "").strip() for one in root.iter(tag))
    return next((one for one in values if one and "$(" not in one), "")


def _dependencies(folder: str, root: ET.Element, space: str) -> Iterator[Dependency]:
    """Packages by name, and projects by the folder that they lie in, each once."""
    seen: set[str] = set()
    for kind in ("PackageReference", "ProjectReference"):
        for one in root.iter(space + kind):
            name = (one.get("Include") or "").strip()
            if not name or "$(" in name or name in seen:
                continue
            seen.add(name)
            if kind == "PackageReference":
                yield Dependency(name, name, dev=_is_for_building(one, space))
                continue
            lies = normpath("/".join(filter(None, (folder, name.replace("\\", "/")))))
            above, _, file = lies.rpartition("/")
            yield Dependency(file.rpartition(".")[0], file.rpartition(".")[0], folder=above)


def _is_for_building(reference: ET.Element, space: str) -> bool:
    """Whether nothing of it goes on to who uses the project: analysers, build tools."""
    return (reference.get("PrivateAssets") or reference.findtext(f"{space}PrivateAssets") or "").lower() == "all"
