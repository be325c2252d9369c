"""A type's name leads to its definition through imports and modules, or to nothing where that is not sure."""

import pytest

from repoloom_stages.facts import Import
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.definitions import Definitions, Scope
from support.whole_sources import Code, used

HOME = "app::views"

DEFINED = {
    ("app", "views"): "Page",
    ("app", "views", "parts"): "Part",
    ("app", "models"): "User",
    ("app", "admin"): "Role",
    ("core", "types", "order"): "Order",
    ("core", "errors"): "Error",
    ("billing", "errors"): "Error",
}


def found(written: str, *imports: Import, module: str = HOME) -> str | None:
    definitions: Definitions[str] = Definitions()
    for home, name in DEFINED.items():
        definitions.add(home, name, "::".join((*home, name)))
    code = Code("a.rs", "", imports=imports, module=module)
    reference = Scope(CodeFile(code.file, code.indexed, code.placed)).reference(written)
    return definitions.find(reference) if reference else None


EVERYTHING = Import(path="super::models", name="*", public=False, owner=-1, line=1)


@pytest.mark.parametrize(
    ("written", "imports", "expected"),
    [
        ("Page<T>", (), "app::views::Page"),
        ("&'a mut Page", (), "app::views::Page"),
        ("parts::Part", (), "app::views::parts::Part"),
        ("self::parts::Part", (), "app::views::parts::Part"),
        ("super::models::User", (), "app::models::User"),
        ("crate::models::User", (), "app::models::User"),
        ("User", (), None),
        ("User", (used("crate::models::User"),), "app::models::User"),
        ("models::User", (used("crate::models"),), "app::models::User"),
        ("Person", (used("crate::models::User", "Person"),), "app::models::User"),
        ("User", (EVERYTHING,), "app::models::User"),
        ("Order", (used("core::Order"),), "core::types::order::Order"),
        ("Error", (used("core::errors::Error"),), "core::errors::Error"),
        ("Error", (used("std::error::Error"),), None),
        ("std::fmt::Error", (), None),
        ("Error", (EVERYTHING,), None),
        ("[u8]", (), None),
    ],
)
def test_a_name_means_what_its_file_says(written: str, imports: tuple[Import, ...], expected: str | None) -> None:
    assert found(written, *imports) == expected


def test_a_name_that_everyone_uses_is_found_by_its_whole_path_alone() -> None:
    definitions: Definitions[int] = Definitions()
    for number in range(100_000):
        definitions.add(("app", f"m{number}"), "Config", number)
    code = Code("a.rs", "", imports=[used("app::m99999::Config"), used("app::Config", "Other")], module="app")
    scope = Scope(CodeFile(code.file, code.indexed, code.placed))
    whole, other = scope.reference("Config"), scope.reference("Other")
    assert whole
    assert other
    assert [definitions.find(one) for one in [whole, other] * 10_000] == [99_999, None] * 10_000


def test_a_relative_import_leads_to_the_only_one_of_that_name_in_its_crate() -> None:
    assert found("Role", used("./admin", "Role")) == "app::admin::Role"
    assert found("Error", used("./errors", "Error")) is None
