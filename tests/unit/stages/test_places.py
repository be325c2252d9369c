"""Where a file belongs: its package, module, layer and purpose, by manifests that may say anything."""

import json
from collections.abc import Mapping

import pytest

from repoloom_api.v1alpha1.datasetbuild import Layer
from repoloom_stages.linking.places import Places
from repoloom_stages.linking.readme import first_sentence
from repoloom_stages.links import Manifest, PlacedFile
from support.limits import cpu_seconds
from support.shards import source_file
from support.workspace import workspace_files


def places(manifests: Mapping[str, str], *layers: Layer) -> Places:
    return Places([Manifest(path=path, text=text) for path, text in sorted(manifests.items())], layers)


def ferry() -> Places:
    files = workspace_files()
    return places({path: text for path, text in files.items() if path.endswith(("Cargo.toml", "README.md"))})


def place(known: Places, path: str) -> PlacedFile:
    return known.place(source_file(path, "text\n"))


MODULES = {
    "crates/types/src/lib.rs": ("ferry-types", "ferry_types"),
    "crates/types/src/amount.rs": ("ferry-types", "ferry_types::amount"),
    "crates/api/src/lib.rs": ("ferry-api", "ferry_web"),
    "crates/api/src/routes/mod.rs": ("ferry-api", "ferry_web::routes"),
    "crates/api/src/routes/tickets.rs": ("ferry-api", "ferry_web::routes::tickets"),
    "crates/store/tests/keeping.rs": ("ferry-store", "ferry_store::tests::keeping"),
    "crates/store/tests/common/mod.rs": ("ferry-store", "ferry_store::tests::common"),
    "crates/app/src/main.rs": ("ferry", "ferry"),
    "crates/app/src/bin/office.rs": ("ferry", "ferry::bin::office"),
    "crates/app/benches/long-run.rs": ("ferry", "ferry::benches::long_run"),
    "crates/app/build.rs": ("ferry", "ferry::build"),
    "notes/lonely.rs": ("", "notes::lonely"),
}


@pytest.mark.parametrize(("path", "expected"), MODULES.items(), ids=MODULES)
def test_rust_file_has_its_crate_and_module(path: str, expected: tuple[str, str]) -> None:
    placed = place(ferry(), path)
    assert (placed["crate"], placed["module"]) == expected


PURPOSES = {
    "its own description": ("crates/store/src/lib.rs", "Where tickets are kept."),
    "the workspace's description": ("crates/pricing/src/lib.rs", "Tickets for the ferries of an archipelago."),
    "its README's first sentence": (
        "crates/testing/src/lib.rs",
        "Things that the tests of several crates need, e.g. tickets and stores.",
    ),
    "nothing": ("crates/macros/src/lib.rs", ""),
}


@pytest.mark.parametrize(("path", "purpose"), PURPOSES.values(), ids=PURPOSES)
def test_purpose_of_a_crate_is(path: str, purpose: str) -> None:
    assert place(ferry(), path)["purpose"] == purpose


OTHERS = {
    "a Python package": (
        {"pyproject.toml": '[project]\nname = "tides"\ndescription = "Tide tables."\n'},
        "src/tides/moon/phase.py",
        ("tides", "Tide tables.", "tides.moon.phase"),
    ),
    "a Python package's __init__": (
        {"py/setup.cfg": "[metadata]\nname = tides\ndescription = Tide tables.\n"},
        "py/tides/__init__.py",
        ("tides", "Tide tables.", "tides"),
    ),
    "an npm package": (
        {"web/package.json": '{"name": "@ferry/web", "description": "The site."}'},
        "web/src/pages/home.tsx",
        ("@ferry/web", "The site.", "web/src/pages"),
    ),
    "a Go module": (
        {"go.mod": "module example.org/ferry\n\ngo 1.22\n", "README.md": "# Ferry\n\nSells tickets. Slowly.\n"},
        "internal/store/memory.go",
        ("example.org/ferry", "Sells tickets.", "example.org/ferry/internal/store"),
    ),
    "a Maven artifact": (
        {
            "pom.xml": '<project xmlns="http://maven.apache.org/POM/4.0.0"><artifactId>ferry</artifactId>'
            "<description>Sells tickets.</description></project>"
        },
        "src/main/java/org/example/ferry/Ticket.java",
        ("ferry", "Sells tickets.", "org.example.ferry"),
    ),
    "a project of .NET, by its assembly": (
        {
            "src/Ferry/Ferry.csproj": '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup>'
            "<AssemblyName>$(Prefix).Ferry</AssemblyName><AssemblyName>Harbour.Ferry</AssemblyName>"
            "<Description>Sells\n tickets.</Description></PropertyGroup></Project>"
        },
        "src/Ferry/Tickets/Ticket.cs",
        ("Harbour.Ferry", "Sells tickets.", "src/Ferry/Tickets"),
    ),
    "a project of .NET that names nothing, by its file": (
        {"src/Ferry/Harbour.Ferry.fsproj": '<Project xmlns="http://schemas.microsoft.com/developer/msbuild/2003" />'},
        "src/Ferry/Ticket.cs",
        ("Harbour.Ferry", "", "src/Ferry"),
    ),
    "the nearest package of its language": (
        {"Cargo.toml": '[package]\nname = "core"\n', "py/pyproject.toml": '[project]\nname = "binding"\n'},
        "py/src/lib.rs",
        ("core", "", "core::py::src"),
    ),
    "the nearest package of any kind, where its language has none": (
        {"Cargo.toml": '[package]\nname = "core"\n'},
        "scripts/release.py",
        ("core", "", "scripts.release"),
    ),
}


@pytest.mark.parametrize(("manifests", "path", "expected"), OTHERS.values(), ids=OTHERS)
def test_file_belongs_to(manifests: dict[str, str], path: str, expected: tuple[str, str, str]) -> None:
    placed = place(places(manifests), path)
    assert (placed["crate"], placed["purpose"], placed["module"]) == expected


def test_file_is_in_the_first_layer_that_lists_it() -> None:
    layers = Layer(name="api", paths=("crates/api/**",)), Layer(name="all", paths=("**",))
    known = places({}, *layers)
    assert [place(known, path)["layer"] for path in ("crates/api/src/lib.rs", "x.rs")] == ["api", "all"]


BROKEN = {
    "text that is no TOML": ("Cargo.toml", "[package\n"),
    "brackets 10,000 deep": ("Cargo.toml", "a = " + "[" * 10_000),
    "JSON 10,000 deep": ("package.json", "[" * 10_000),
    "a list for a document": ("package.json", "{"),
    "a project that is no XML": ("a.csproj", "<Project>"),
    "text that is no XML": ("pom.xml", "<project>"),
    "XML with entities that grow": ("pom.xml", '<!DOCTYPE p [<!ENTITY a "aaaa">]><project>&a;</project>'),
    "an ini without sections": ("setup.cfg", "name = x\n"),
}


@pytest.mark.parametrize(("name", "text"), BROKEN.values(), ids=BROKEN)
def test_broken_manifest_is_counted_and_the_crate_unknown(name: str, text: str) -> None:
    known = places({name: text, "sub/pyproject.toml": '[project]\nname = "fine"\n'})
    assert known.broken == 1
    assert place(known, "src/lib.rs")["crate"] == ""
    assert place(known, "sub/a.py")["crate"] == "fine"


ODD = {
    "values of other types": '[package]\nname = "x"\ndescription = 3\n[dependencies]\na = 7\nb = {path = []}\n',
    "a name that is a number": "[package]\nname = 3\n",
    "a table for a list": '[package]\nname = "x"\n[workspace]\nexclude = {a = 1}\n[[bin]]\npath = 4\n',
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_values_are_taken_as_absent(text: str) -> None:
    known = places({"Cargo.toml": text})
    assert known.broken == 0
    assert place(known, "src/a.rs")["purpose"] == ""


def test_two_packages_of_one_name_are_told_apart() -> None:
    package = '[package]\nname = "twin"\n'
    known = places({"a/Cargo.toml": package, "b/c/Cargo.toml": package})
    assert [place(known, path)["crate"] for path in ("a/src/lib.rs", "b/c/src/lib.rs")] == ["twin", "twin (b/c)"]
    assert place(known, "b/c/src/x.rs")["module"] == "twin::x"


def test_dependencies_are_found_through_path_workspace_and_rename() -> None:
    packages = {package.name: package for package in ferry().packages.found}
    needed = {one.alias: (one.package, one.folder, one.dev) for one in packages["ferry-api"].dependencies}
    assert needed == {
        "ferry-types": ("ferry-types", "crates/types", False),
        "ferry-store": ("ferry-store", "crates/store", False),
        "fares": ("ferry-pricing", "crates/pricing", False),
        "serde": ("serde", None, False),
    }
    assert [(one.package, one.dev) for one in packages["ferry-store"].dependencies] == [
        ("ferry-types", False),
        ("diesel", False),
        ("ferry-testing", True),
    ]


def test_project_of_dotnet_needs_packages_and_projects() -> None:
    text = (
        '<Project><ItemGroup><PackageReference Include="Tides" /><PackageReference Include="$(Chart)" />'
        '<PackageReference Include="Lint" PrivateAssets="all" />'
        '<ProjectReference Include="..\\..\\src\\Ferry\\F.csproj" />'
        '<Using Include="Harbour" /><Using Include="Harbour.Tides" Static="true" /></ItemGroup></Project>'
    )
    (package,) = places({"test/FerryTests/FerryTests.csproj": text}).packages.found
    assert [(one.package, one.folder, one.dev) for one in package.dependencies] == [
        ("Tides", None, False),
        ("Lint", None, True),
        ("F", "src/Ferry", False),
    ]
    assert package.usings == ("Harbour",)


def test_excluded_folder_inherits_nothing_from_the_workspace_above() -> None:
    inherits = '[package]\nname = "old"\ndescription.workspace = true\n'
    workspace = '[workspace]\nexclude = ["attic"]\n[workspace.package]\ndescription = "All of it."\n'
    known = places({"Cargo.toml": workspace, "attic/x/Cargo.toml": inherits, "house/Cargo.toml": inherits})
    assert [place(known, path)["purpose"] for path in ("attic/x/a.rs", "house/a.rs")] == ["", "All of it."]


def test_many_packages_are_read_in_no_time() -> None:
    manifests = {f"packages/p{n}/package.json": json.dumps({"name": f"p{n}"}) for n in range(2000)}
    assert place(places(manifests), "packages/p1999/deep/er/a.ts")["crate"] == "p1999"


SENTENCES = {
    "# Title\n\nIt does one thing. And another.\n": "It does one thing.",
    "Title\n=====\n\n[![b](u)](v) [![c](u)](v)\n\n<p>x</p>\n\nA [link](u), *more*\nof `it`.\n": "A link, more of it.",
    "```\ncode first\n```\n\nThen words, e.g. these, end.": "Then words, e.g. these, end.",
    "No full stop\n\nNext": "No full stop",
    "- Fast\n- Small\n\n1. Safe\n\nIt sails.": "It sails.",
    "": "",
    "# Only\n\n## Headings\n": "",
}


@pytest.mark.parametrize(("text", "sentence"), SENTENCES.items(), ids=range(len(SENTENCES)))
def test_first_sentence_of_a_readme_is_prose(text: str, sentence: str) -> None:
    assert first_sentence(text) == sentence


@pytest.mark.parametrize("text", ["*" * 250_000, "[" * 250_000, "_a" * 100_000, "<" * 250_000, "a.b " * 60_000])
def test_hostile_readme_takes_no_time(text: str) -> None:
    with cpu_seconds(5):
        assert isinstance(first_sentence(text), str)
