"""What a snapshot's files say together: calls, imports, crates, an order; and that it holds whatever they say."""

from pathlib import Path

import pytest

from repoloom_stages.linking.item_ids import ItemIds
from repoloom_stages.records import Novel
from support.limits import cpu_seconds
from support.linking import Linked, link_files, link_texts
from support.samples import files as bytes_of
from support.shards import source_file
from support.workspace import workspace_files

CALLS = {
    "ferry::bin::office::main": [
        "ferry_types::amount::Amount::whole",
        "ferry_web::office::Office::open",
        "ferry_store::memory::MemoryStore::new",
        "ferry::bin::office::block_on",
        "ferry_web::routes::dispatch",
    ],
    "ferry::main": [
        "ferry::settings::Settings::read",
        "ferry_web::routes::routes",
        "ferry::settings::Settings::prefix",
    ],
    "ferry_pricing::discounts::Family::apply": [
        "ferry_pricing::discounts::has_children",
        "ferry_types::amount::Amount::less_percent",
    ],
    "ferry_pricing::discounts::Islander::apply": ["ferry_types::amount::Amount::less_percent"],
    "ferry_pricing::fares::Fare::currency": [
        "ferry_pricing::fares::Fare::adult",
        "ferry_types::amount::Amount::currency",
    ],
    "ferry_pricing::fares::Fare::price": [
        "ferry_types::ticket::Passenger::is_child",
        "ferry_pricing::fares::Fare::adult",
        "ferry_types::amount::Amount::less_percent",
    ],
    "ferry_pricing::fares::ZoneFare::adult": [
        "ferry_types::amount::Amount::new",
        "ferry_pricing::fares::ZoneFare::surcharge",
    ],
    "ferry_pricing::quote": [
        "ferry_pricing::validation::validate_passengers",
        "ferry_types::amount::Amount::zero",
        "ferry_pricing::fares::Fare::currency",
        "ferry_types::amount::Amount::checked_add",
        "ferry_pricing::fares::Fare::price",
        "ferry_pricing::discounts::Discount::apply",
    ],
    "ferry_pricing::validation::validate_age": [
        "ferry_macros::require",
        "ferry_types::errors::FerryError::invalid",
    ],
    "ferry_pricing::validation::validate_passengers": [
        "ferry_macros::require",
        "ferry_types::errors::FerryError::invalid",
    ],
    "ferry_store::memory::MemoryStore::is_empty": ["ferry_store::memory::MemoryStore::len"],
    "ferry_store::memory::MemoryStore::put": [
        "ferry_store::memory::Journal::note",
        "ferry_types::ticket::Ticket::describe",
    ],
    "ferry_store::memory::tests::a_new_store_is_empty": [
        "ferry_store::memory::MemoryStore::new",
        "ferry_store::memory::MemoryStore::is_empty",
    ],
    "ferry_store::tests::common::filled": [
        "ferry_store::memory::MemoryStore::new",
        "ferry_store::traits::StoreExt::put_all",
    ],
    "ferry_store::tests::keeping::all_of_them_are_kept": [
        "ferry_store::tests::common::filled",
        "ferry_store::traits::StoreExt::put_all",
        "ferry_testing::ticket",
        "ferry_store::memory::MemoryStore::len",
    ],
    "ferry_store::tests::keeping::what_goes_in_comes_out": [
        "ferry_store::memory::MemoryStore::new",
        "ferry_testing::ticket",
        "ferry_store::memory::MemoryStore::put",
        "ferry_store::traits::Store::get",
    ],
    "ferry_store::traits::Store::get": ["ferry_store::traits::Store::find"],
    "ferry_store::traits::StoreExt::put_all": ["ferry_store::traits::Store::put"],
    "ferry_testing::harbour": ["ferry_types::harbour::Harbour::parse"],
    "ferry_testing::store": [
        "ferry_store::memory::MemoryStore::new",
        "ferry_store::traits::StoreExt::put_all",
        "ferry_testing::ticket",
    ],
    "ferry_testing::ticket": ["ferry_testing::harbour", "ferry_types::amount::Amount::whole"],
    "ferry_types::amount::Amount::checked_add": [
        "ferry_types::amount::Amount::currency",
        "ferry_types::errors::FerryError::currency",
        "ferry_types::amount::Amount::new",
        "ferry_types::amount::Amount::minor",
    ],
    "ferry_types::amount::Amount::less_percent": ["ferry_types::amount::Amount::new"],
    "ferry_types::amount::Amount::whole": [
        "ferry_types::amount::Amount::new",
        "ferry_types::amount::Currency::minor_units",
    ],
    "ferry_types::amount::Amount::zero": ["ferry_types::amount::Amount::new"],
    "ferry_types::amount::Currency::minor_units": ["ferry_types::amount::Currency::decimals"],
    "ferry_types::harbour::Harbour::parse": [
        "ferry_types::harbour::is_code",
        "ferry_types::errors::FerryError::invalid",
    ],
    "ferry_types::harbour::Harbour::try_from": ["ferry_types::harbour::Harbour::parse"],
    "ferry_types::ticket::Ticket::children": ["ferry_types::ticket::Passenger::is_child"],
    "ferry_types::ticket::Ticket::describe": ["ferry_types::harbour::Harbour::code"],
    "ferry_web::office::Office::look_up": ["ferry_store::traits::Store::get"],
    "ferry_web::office::Office::sell": [
        "ferry_pricing::quote",
        "ferry_web::office::Office::discounts",
        "ferry_web::office::Office::next_id",
        "ferry_store::traits::Store::put",
    ],
    "ferry_web::requests::Journey::try_from": ["ferry_types::harbour::Harbour::parse"],
    "ferry_web::routes::dispatch": [
        "ferry_web::routes::tickets::sell_ticket",
        "ferry_web::routes::tickets::show_ticket",
    ],
    "ferry_web::routes::routes": ["ferry_web::routes::route"],
    "ferry_web::routes::tickets::sell_ticket": [
        "ferry_web::routes::tickets::read_request",
        "ferry_web::requests::Journey::try_from",
        "ferry_web::office::Office::sell",
    ],
    "ferry_web::routes::tickets::show_ticket": ["ferry_web::office::Office::look_up"],
}
"""Every call in the workspace `ferry` whose callee is an item of it, read by hand; `TicketId::numbered` is called too,
but a macro makes it."""


@pytest.fixture(scope="module")
def ferry(tmp_path_factory: pytest.TempPathFactory) -> Linked:
    return link_texts(tmp_path_factory.mktemp("ferry") / "x", workspace_files())


def test_every_call_of_the_workspace_means_what_a_reader_says(ferry: Linked) -> None:
    assert ferry.calls == CALLS


def test_callers_are_the_calls_the_other_way_round(ferry: Linked) -> None:
    expected: dict[str, list[str]] = {}
    for caller, callees in CALLS.items():
        for callee in callees:
            expected.setdefault(callee, []).append(caller)
    found = {item["id"]: (item["callers"], item["called"]) for item in ferry.items if item["callers"]}
    assert found == {callee: (sorted(callers), len(callers)) for callee, callers in expected.items()}


def test_functions_are_ranked_and_nothing_else(ferry: Linked) -> None:
    functions = [item for item in ferry.items if item["kind"] == "function"]
    assert sorted(item["rank"] for item in functions) == list(range(1, len(functions) + 1))
    assert all(item["rank"] == 0 for item in ferry.items if item["kind"] != "function")
    best = min(functions, key=lambda item: item["rank"])
    assert best["id"] == "ferry_types::amount::Amount::new"


def test_imports_are_followed_through_re_exports_to_where_things_are(ferry: Linked) -> None:
    imports = ferry.files["crates/api/src/routes/tickets.rs", ""]["imports"]
    assert imports == [
        "crates/api/src/office.rs",
        "crates/api/src/requests.rs",
        "crates/store/src/traits.rs",
        "crates/types/src/errors.rs",
        "crates/types/src/ticket.rs",
    ]


def test_what_is_used_stands_before_its_users(ferry: Linked) -> None:
    position = {file["path"]: number for number, file in enumerate(ferry.order)}
    cycle = {file["path"]: file["cycle"] for file in ferry.order}
    assert len(position) == len(ferry.files) > 20
    pairs = [(path, other) for (path, _), file in ferry.files.items() for other in file["imports"]]
    outside = [(path, other) for path, other in pairs if not cycle[path] or cycle[path] != cycle[other]]
    assert len(outside) > 40
    assert all(position[other] < position[path] for path, other in outside)


def test_cycle_of_two_files_has_a_number(ferry: Linked) -> None:
    in_cycle = {file["path"] for file in ferry.order if file["cycle"]}
    assert in_cycle == {"crates/types/src/amount.rs", "crates/types/src/errors.rs"}
    assert ferry.graph("figures.json")["cycles"] == 1


def test_modules_that_take_everything_from_each_other_are_each_looked_at_once(tmp_path: Path) -> None:
    """Diesel's do: the ways from one to another that do not repeat are more than can be followed."""
    names = [f"m{number}" for number in range(24)]
    everything = "".join(f"pub use crate::{name}::*;\n" for name in names)
    files = {f"src/{name}.rs": everything for name in names}
    files["src/m7.rs"] += "pub mod deep {\n    pub fn found() {}\n}\n"
    files["src/m9.rs"] += "use deep::*;\npub fn caller() {\n    found();\n    nowhere();\n}\n"
    files["src/lib.rs"] = "".join(f"pub mod {name};\n" for name in names)
    linked = link_texts(tmp_path, {"Cargo.toml": '[package]\nname = "circles"\n', **files})
    assert linked.calls["circles::m9::caller"] == ["circles::m7::deep::found"]


def test_an_import_from_elsewhere_hides_what_everything_holds(tmp_path: Path) -> None:
    files = {
        "src/lib.rs": "pub mod own;\npub mod user;\n",
        "src/own.rs": "pub fn spawn() {}\npub fn join() {}\n",
        "src/user.rs": "use crate::own::*;\nuse other::spawn;\npub fn run() {\n    spawn();\n    join();\n}\n",
    }
    linked = link_texts(tmp_path, {"Cargo.toml": '[package]\nname = "hides"\n', **files})
    assert linked.calls["hides::user::run"] == ["hides::own::join"]


def test_in_a_cycle_what_is_given_on_or_tested_with_may_come_later(tmp_path: Path) -> None:
    files = {
        "src/lib.rs": "mod deep;\nmod surface;\npub use deep::Deep;\npub struct Root;\n",
        "src/deep.rs": (
            "use crate::Root;\npub struct Deep(Root);\n#[cfg(test)]\nmod tests {\n    use crate::surface::Surface;\n}\n"
        ),
        "src/surface.rs": "use crate::deep::Deep;\npub struct Surface(Deep);\n",
    }
    order = link_texts(tmp_path, {"Cargo.toml": '[package]\nname = "sea"\n', **files}).order
    assert [(one["path"], one["cycle"]) for one in order if one["path"] in files] == [
        ("src/lib.rs", 1),
        ("src/deep.rs", 1),
        ("src/surface.rs", 1),
    ]


def test_crates_know_what_they_need_here_and_elsewhere(ferry: Linked) -> None:
    crates = {crate["name"]: crate for crate in ferry.graph("crates.json")}
    assert list(crates) == sorted(crates)
    assert crates["ferry-store"] == {
        "name": "ferry-store",
        "folder": "crates/store",
        "purpose": "Where tickets are kept.",
        "kind": "cargo",
        "dependencies": ["ferry-types"],
        "dev_dependencies": ["ferry-testing"],
        "external": ["diesel"],
        "features": [],
        "files": 7,
        "bytes": sum(
            len(text)
            for path, text in workspace_files().items()
            if path.startswith("crates/store/") and path.endswith((".rs", ".toml"))
        ),
    }
    assert crates["ferry-api"]["dependencies"] == ["ferry-pricing", "ferry-store", "ferry-types"]
    assert crates["ferry-macros"]["purpose"] == "Macros by example that the other crates share."
    assert crates["ferry-types"]["features"] == ["default", "json"]


def test_figures_count_every_call(ferry: Linked) -> None:
    figures = ferry.graph("figures.json")
    assert figures["files"] == len(ferry.files)
    assert set(figures["resolved"]) == set(figures["calls"])
    assert all(figures["resolved"][how] <= number for how, number in figures["calls"].items())
    assert figures["resolved"]["self"] == figures["calls"]["self"] > 5


def test_second_run_gives_the_same_bytes(tmp_path: Path, ferry: Linked) -> None:
    again = link_texts(tmp_path / "again", workspace_files())
    assert bytes_of(again.outputs.folder) == bytes_of(ferry.outputs.folder)


def test_number_of_shards_changes_no_link(tmp_path: Path, ferry: Linked) -> None:
    in_three = link_texts(tmp_path / "three", workspace_files(), shards=3)
    assert in_three.files == ferry.files
    assert in_three.items == ferry.items
    assert in_three.order == ferry.order


def rust(tmp_path: Path, **texts: str) -> dict[str, list[str]]:
    """The calls of a crate `x`, of files in `src/` by their names."""
    files = {f"src/{name.replace('__', '/')}.rs": text for name, text in texts.items()}
    return link_texts(tmp_path / "x", {"Cargo.toml": '[package]\nname = "x"\n', **files}).calls


MEANT = {
    "a renamed import": ({"lib": "mod a; use a::f as g; fn m() { g() }", "a": "pub fn f() {}"}, "x::a::f"),
    "a glob of a re-export": (
        {"lib": "mod a; mod b; use b::*; fn m() { f() }", "a": "pub fn f() {}", "b": "pub use crate::a::f;"},
        "x::a::f",
    ),
    "a function named like its module": (
        {"lib": "mod f; pub use f::f; fn m() { crate::f() }", "f": "pub fn f() {}"},
        "x::f::f",
    ),
    "super of an inline module": ({"lib": "fn f() {} mod t { fn m() { super::f() } }"}, "x::f"),
    "a default method of a trait": (
        {"lib": "trait T { fn f(&self) {} } struct S; impl T for S {} fn m(s: &S) { s.f() }"},
        "x::T::f",
    ),
    "a method through a pointer": (
        {"lib": "use std::sync::Arc; struct S; impl S { fn f(&self) {} } fn m(s: Arc<S>) { s.f() }"},
        "x::S::f",
    ),
    "a method of a field's field": (
        {
            "lib": "struct A { b: B } struct B { c: C } struct C; impl C { fn f(&self) {} } "
            "impl A { fn m(&self) { self.b.c.f() } }"
        },
        "x::C::f",
    ),
    "a method of what a function returns": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } fn s() -> Option<S> { None } "
            "fn m() { let a = s().unwrap(); a.f() }"
        },
        "x::S::f",
    ),
    "a bound in a where clause": (
        {"lib": "trait T { fn f(&self); } fn m<A>(a: A) where A: T { a.f() }"},
        "x::T::f",
    ),
    "a trait object": ({"lib": "trait T { fn f(&self); } fn m(a: &dyn T) { a.f() }"}, "x::T::f"),
    "a type parameter of a generic type": (
        {"lib": "struct W<A> { a: A } struct S; impl S { fn f(&self) {} } fn m(w: W<S>) { w.a.f() }"},
        "x::S::f",
    ),
    "a path of a type": ({"lib": "struct S; impl S { fn f() {} } fn m() { S::f() }"}, "x::S::f"),
    "a trait's path in angle brackets": (
        {"lib": "trait T { fn f(); } struct S; impl T for S { fn f() {} } fn m() { <S as T>::f() }"},
        "x::T::f",
    ),
    "an alias of a type": ({"lib": "struct S; type A = S; impl S { fn f() {} } fn m() { A::f() }"}, "x::S::f"),
    "a method by Deref": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } struct D(S); "
            "impl std::ops::Deref for D { type Target = S; fn deref(&self) -> &S { &self.0 } } fn m(d: D) { d.f() }"
        },
        "x::S::f",
    ),
    "what a macro makes": (
        {
            "lib": "macro_rules! made { ($a:expr) => { $crate::a::S::new($a) }; } mod a; fn m() { let s = "
            "made!(1); s.f() }",
            "a": "pub struct S; impl S { pub fn new(_: u8) -> S { S } pub fn f(&self) {} }",
        },
        "x::a::S::f",
    ),
    "what an option in a pattern holds": (
        {"lib": "struct S; impl S { fn f(&self) {} } fn m(o: Option<S>) { if let Some(s) = o { s.f() } }"},
        "x::S::f",
    ),
    "what a failure in an arm holds": (
        {
            "lib": "struct E; impl E { fn f(&self) {} } fn m(r: Result<u8, E>) {\n match r {\n Ok(_) => {}\n "
            "Err(e) => e.f(),\n }\n }"
        },
        "x::E::f",
    ),
    "what a variant holds": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } enum V { A(u8, S), B { s: S } } fn m(v: V) {\n match v "
            "{\n V::A(_, s) => s.f(),\n _ => {}\n }\n }"
        },
        "x::S::f",
    ),
    "a field of a variant": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } enum V { B { n: u8, s: S } } fn m(v: V) {\n let V::B { "
            "s, .. } = v;\n s.f()\n }"
        },
        "x::S::f",
    ),
    "an item of a loop over a map": (
        {"lib": "struct S; impl S { fn f(&self) {} } fn m(v: HashMap<u8, S>) {\n for (_, s) in &v {\n s.f()\n }\n }"},
        "x::S::f",
    ),
    "an item of an iterator of the workspace": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } struct I; impl Iterator for I { type Item = S; "
            "fn next(&mut self) -> Option<Self::Item> { None } } fn m(i: I) {\n for s in i {\n s.f()\n }\n }"
        },
        "x::S::f",
    ),
    "an item that iterator's methods leave": (
        {"lib": "struct S; impl S { fn f(&self) {} } fn m(v: &[S]) { v.iter().rev().next().unwrap().f() }"},
        "x::S::f",
    ),
    "a parameter of a closure given an item": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } fn m(v: Vec<Option<S>>) { "
            "v.iter().flatten().for_each(|s| s.f()); }"
        },
        "x::S::f",
    ),
    "a parameter of a closure given by a function here": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } struct W; impl W { fn with<F>(&self, _: u8, f: F) "
            "where F: FnOnce(u8, &mut S) -> u8 {} } fn m(w: W) { w.with(1, |_, s| s.f()); }"
        },
        "x::S::f",
    ),
    "an associated type": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } trait T { type Out; fn go(&self) -> Self::Out; } struct W; "
            "impl T for W { type Out = S; fn go(&self) -> Self::Out { S } } fn m(w: W) { w.go().f() }"
        },
        "x::S::f",
    ),
    "bounds of an associated type": (
        {"lib": "trait U { fn f(&self); } trait T { type Out: U; } fn m<A: T>(a: A::Out) { a.f() }"},
        "x::U::f",
    ),
    "a static in a lock": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } static ONE: Mutex<S> = made(); fn m() { "
            "ONE.lock().unwrap().f() }"
        },
        "x::S::f",
    ),
    "a variant of an enum": (
        {"lib": "enum V { A } impl V { fn f(&self) {} } fn m() { V::A.f() }"},
        "x::V::f",
    ),
    "pointers made in pointers": (
        {
            "lib": "struct S; impl S { fn new() -> S { S } fn f(&self) {} } fn m() {\n "
            "let a = Arc::new(Mutex::new(S::new()));\n let b = Arc::clone(&a);\n b.lock().unwrap().f()\n }"
        },
        "x::S::f",
    ),
    "a trait for a type from elsewhere": (
        {"lib": "trait T { fn f(&self); } impl T for Vec<u8> { fn f(&self) {} } fn m(v: Vec<u8>) { v.f() }"},
        "x::Vec::f",
    ),
    "an older binding in the value of a newer": (
        {
            "lib": "struct Q; struct B; impl Q { fn f(self) -> B { B } } impl B { fn f(&self) {} } fn m(a: Q) {\n "
            "let a = a.f();\n a.f();\n }"
        },
        "x::B::f",
    ),
    "an outer binding where an arm has ended": (
        {
            "lib": "struct Q; struct B; impl Q { fn f(&self) {} } impl B { fn g(&self) {} } fn m(a: Q, o: "
            "Option<B>) {\n "
            "if let Some(a) = o {\n a.g();\n }\n a.f();\n }"
        },
        "x::Q::f",
    ),
    "what a future yields": (
        {
            "lib": "struct S; impl S { fn f(&self) {} } fn s() -> impl Future<Output = S> + Send { one() } "
            "async fn m() { s().await.f() }"
        },
        "x::S::f",
    ),
    "a chain over lines among a macro's tokens": (
        {"lib": 'struct S; impl S { fn f(&self) {} } fn m(s: S) { println!("{}", s\n    .f()) }'},
        "x::S::f",
    ),
    "the one of two traits' functions that a value has": (
        {
            "lib": "struct S; trait Early { fn f(it: Self, n: u8); } impl Early for S { fn f(it: Self, n: u8) {} } "
            "trait Late { fn f(self); } impl<T: Early> Late for T { fn f(\n    self,\n) {} } fn m(s: S) { s.f() }"
        },
        "x::T::f",
    ),
    "the only method of its name": (
        {"lib": "struct S; impl S { fn only_this(&self) {} } fn m() { unknown!().only_this() }"},
        "x::S::only_this",
    ),
}


@pytest.mark.parametrize(("texts", "callee"), MEANT.values(), ids=MEANT)
def test_call_is_resolved_through(texts: dict[str, str], callee: str, tmp_path: Path) -> None:
    caller = "x::t::m" if "super" in texts["lib"] else "x::A::m" if "impl A" in texts["lib"] else "x::m"
    assert callee in rust(tmp_path, **texts).get(caller, [])


UNSURE = {
    "a variable of the function's name": "fn f() {} fn m(f: fn()) { f() }",
    "a method of a type from elsewhere": "struct S; impl S { fn push(&self) {} } fn m(v: Vec<u8>) { v.push() }",
    "the pointer's own method": "struct S; impl S { fn clone(&self) {} } fn m(s: std::sync::Arc<S>) { s.clone() }",
    "one of two conversions": "struct S; impl From<u8> for S { fn from(_: u8) -> S { S } } "
    "impl From<u16> for S { fn from(_: u16) -> S { S } } fn m() { S::from(1) }",
    "a name of two types, on neither": "struct A; impl A { fn f(&self) {} } struct B; impl B { fn f(&self) {} } "
    "fn m() { unknown!().f() }",
    "a type's function, on a value": "struct S; impl S { fn f(n: u8) {} } fn m(s: S) { s.f() }",
    "in a macro, what a type's trait has": "fn f() -> bool { true } trait T { fn f() -> bool; } struct S; "
    "impl T for S { fn f() -> bool { true } } fn m() { assert!(<S as T>::f()) }",
    "an index, of which nobody knows the type": "struct S; impl S { fn f(&self) {} } struct R; impl R { fn "
    "f(&self) {} } "
    "fn m(a: S) {\n let a = b[0];\n a.f()\n }",
    "one of two closures on a line": "struct S; impl S { fn f(&self) {} } struct R; impl R { fn f(&self) {} } "
    "fn m(a: Option<S>, b: Option<R>) { (a.map(|x| x.f()), b.map(|x| x.f())); }",
    "one of two traits' methods for a type from elsewhere": "trait T { fn f(&self); } impl T for Vec<u8> { fn "
    "f(&self) {} } "
    "trait U { fn f(&self); } impl U for Vec<u8> { fn f(&self) {} } fn m(v: Vec<u8>) { v.f() }",
    "a trait's method for a type from elsewhere, where nobody knows the trait": "mod a { pub trait T { fn f(&self); } "
    "impl T for Vec<u8> { fn f(&self) {} } } fn m(v: Vec<u8>) { v.f() }",
    "what an adapter of elsewhere has itself": "struct I; impl Iterator for I { type Item = u8; "
    "fn next(&mut self) -> Option<u8> { None } } fn m(i: I) { i.take(3).next() }",
    "associated types in a circle": "trait T { type A; } struct S; impl T for S { type A = Self::A; } "
    "fn m(s: <S as T>::A) { s.f() }",
    "a function that another module keeps": "mod a { fn f() {} } fn m() { f() }",
    "imports in a circle": "mod a { pub use super::b::f; } mod b { pub use super::a::f; } fn m() { a::f() }",
    "aliases in a circle": "type A = B; type B = A; fn m() { A::f() }",
    "traits above each other": "trait A: B {} trait B: A {} fn m<T: A>(t: T) { t.f() }",
    "a type that derefs to itself": "struct S; "
    "impl std::ops::Deref for S { type Target = S; fn deref(&self) -> &S { self } } fn m(s: S) { s.f() }",
}


@pytest.mark.parametrize("text", UNSURE.values(), ids=UNSURE)
def test_call_stays_unresolved_that_means(text: str, tmp_path: Path) -> None:
    with cpu_seconds(10):
        assert "x::m" not in rust(tmp_path, lib=text)


def test_hundred_re_exports_in_a_chain_and_a_deep_type_end_well(tmp_path: Path) -> None:
    chain = "".join(f"mod m{n} {{ pub use super::m{n + 1}::f; }} " for n in range(300)) + "mod m300 { pub fn f() {} }"
    deep = f"fn d(a: {'Vec<' * 5000}u8{'>' * 5000}) {{ a.f() }}"
    lib = f"{chain} fn near() {{ m280::f() }} fn far() {{ m0::f() }}"
    assert rust(tmp_path, lib=lib, deep=deep)["x::near"] == ["x::m300::f"]


# ---- held out by time


def test_held_out_file_takes_the_place_of_its_training_version(tmp_path: Path) -> None:
    manifest = {"Cargo.toml": '[package]\nname = "x"\n'}
    novel = [Novel(start=1, end=1, group="c" * 40)]
    files = [
        source_file("src/lib.rs", "mod a; mod b;"),
        source_file("src/a.rs", "pub fn old() {} pub fn kept() { crate::b::f() }"),
        source_file("src/a.rs", "pub fn new() { kept(); crate::b::f() } pub fn kept() {}", split="test", novel=novel),
        source_file("src/b.rs", "pub fn f() { crate::a::old(); crate::a::new() }"),
        source_file("src/c.rs", "fn g() { crate::a::old(); crate::b::f() }", split="validation", novel=novel),
    ]
    linked = link_files(tmp_path / "x", files, manifest)
    items = {(split, item["id"]): item for (_, split), file in linked.files.items() for item in file["items"]}
    assert items["train", "x::b::f"]["calls"] == ["x::a::old"]
    assert items["test", "x::a::new"]["calls"] == ["x::a::kept", "x::b::f"]
    assert items["validation", "x::c::g"]["calls"] == ["x::a::old", "x::b::f"]
    assert items["train", "x::b::f"]["callers"] == ["x::a::kept"], "a held-out file's calls are not the training side's"
    assert items["train", "x::a::kept"]["callers"] == []
    assert items["test", "x::a::kept"]["callers"] == ["x::a::new"]
    assert {item["id"] for item in linked.items if item["kind"] == "function"} == {"x::a::old", "x::a::kept", "x::b::f"}
    assert {file["path"] for file in linked.order} == {"src/lib.rs", "src/a.rs", "src/b.rs"}
    assert sum(linked.graph("figures.json")["calls"].values()) == 3


# ---- bad input


def test_broken_manifest_is_counted_and_the_files_below_have_no_crate(tmp_path: Path) -> None:
    texts = {"Cargo.toml": "[package\n", "src/lib.rs": "mod a; fn m() { a::f() }", "src/a.rs": "pub fn f() {}"}
    linked = link_texts(tmp_path / "x", texts)
    assert dict(linked.outputs.dropped) == {"broken manifest": 1}
    assert linked.outputs.records_in == linked.outputs.kept + 1
    assert linked.graph("crates.json") == []
    assert linked.calls == {"src/lib.rs::m": ["a::f"]}


def test_source_without_code_is_linked_to_nothing(tmp_path: Path) -> None:
    linked = link_texts(tmp_path / "x", {"README.md": "# Words\n"})
    assert linked.graph("figures.json") == {"calls": {}, "resolved": {}, "files": 1, "crates": 0, "cycles": 0}
    assert linked.items == []


def test_crates_that_need_each_other_are_no_trouble(tmp_path: Path) -> None:
    def crate(name: str, other: str) -> str:
        return f'[package]\nname = "{name}"\n[dependencies]\n{other} = {{ path = "../{other}" }}\n'

    texts = {
        "a/Cargo.toml": crate("a", "b"),
        "b/Cargo.toml": crate("b", "a"),
        "a/src/lib.rs": "pub use b::f; pub fn g() { b::f() }",
        "b/src/lib.rs": "pub fn f() { a::g() } pub use a::g;",
    }
    linked = link_texts(tmp_path / "x", texts)
    assert linked.calls == {"a::g": ["b::f"], "b::f": ["a::g"]}
    assert [crate["dependencies"] for crate in linked.graph("crates.json")] == [["b"], ["a"]]


def test_ids_that_are_equal_are_told_apart_in_order() -> None:
    ids = ItemIds()
    ids.add(["a", "b", "a"], training=True)
    ids.add(["a"], training=True)
    ids.add(["a", "a"], training=False)
    ids.settle()
    assert [ids[number] for number in range(6)] == ["a", "b", "a#2", "a#3", "a", "a#2"]
