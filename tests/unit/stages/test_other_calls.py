"""What calls mean in languages other than Rust: what each resolves, and what it leaves alone."""

from pathlib import Path

import pytest

from repoloom_stages.records import Novel
from support.limits import cpu_seconds
from support.linking import link_files, link_texts
from support.shards import source_file

GO = {"go.mod": "module m\n"}

MEANT = {
    "a method of the same object, in Java": (
        {"p/A.java": "package p;\nclass A { int size; void f() { g(); size(); } void g() {} int size() {} }"},
        {"p.A.f": ["p.A.g", "p.A.size"]},
    ),
    "a method of a class around, or above": (
        {
            "p/A.java": "package p;\nclass A extends B { void g() {} class I { void f() { g(); h(); } } }",
            "p/B.java": "package p;\nclass B { void h() {} }",
        },
        {"p.A.I.f": ["p.A.g", "p.B.h"]},
    ),
    "a type of the same namespace, whose files name it with and without braces": (
        {
            "a/A.cs": "namespace N.M;\n\nclass A { void F() { new B(); B.G(); H(); } void H() {} }\n",
            "b/B.cs": "namespace N.M\n{\n    class B { public static void G() {} }\n}\n",
        },
        {"a/A.cs::N.M.A.F": ["b/B.cs::N.M.B", "b/B.cs::N.M.B.G", "a/A.cs::N.M.A.H"]},
    ),
    "a type of a namespace that is used, or stands around": (
        {
            "a/A.cs": "using N.O;\nnamespace N.M;\nclass A { void F() { new B(); new C(); } }\n",
            "b/B.cs": "namespace N.O;\nclass B {}\n",
            "c/C.cs": "namespace N;\nclass C {}\n",
        },
        {"a/A.cs::N.M.A.F": ["b/B.cs::N.O.B", "c/C.cs::N.C"]},
    ),
    "a method of Go's receiver, and of a field of it": (
        {
            **GO,
            "t.go": "package m\n\ntype T struct { u *U }\n\nfunc (t *T) F() { t.g(); t.u.h(); g() }\n",
            "u.go": "package m\n\ntype U struct{}\n\nfunc (u U) h() {}\nfunc (t T) g() {}\nfunc g() {}\n",
        },
        {"m.T.F": ["m.T.g", "m.U.h", "m.g"]},
    ),
    "what a package gives on, in Python": (
        {
            "p/__init__.py": "from .a import f as f\nfrom .b import *\n",
            "p/a.py": "def f(): ...\n",
            "p/b.py": "class B: ...\n",
            "t.py": "import p\n\ndef m():\n    p.f()\n    p.B()\n",
        },
        {"t.m": ["p.a.f", "p.b.B"]},
    ),
    "what a file exports of others, in TypeScript": (
        {
            "a.ts": "export function f() {}\n",
            "index.ts": "export * from './a'\nexport { g as h } from './b'\n",
            "b.ts": "export function g() {}\n",
            "m.ts": "import { f, h } from './index'\nexport function m() { f(); h() }\n",
        },
        {"m.ts::m": ["a.ts::f", "b.ts::g"]},
    ),
    "a method of what is assigned to one object, in JavaScript": (
        {"a.js": "app.set = function () {}\napp.init = function () { this.set() }\n"},
        {"a.js::app.init": ["a.js::app.set"]},
    ),
    "a definition that a header declares, or a line above": (
        {
            "x.h": "int f(int a);\nstatic inline int g(void) { return 1; }\n",
            "src/f.c": '#include "../x.h"\nint f(int a) { return a; }\n',
            "src/m.c": '#include "../x.h"\nstatic int s(void);\nint m(void) { return f(1) + g() + s(); }\n'
            "static int s(void) { return 2; }\n",
        },
        {"src/m.c::m": ["src/f.c::f", "x.h::g", "src/m.c::s#2"]},
    ),
    "a method that is defined outside its class, in C++": (
        {
            "c.h": "namespace n {\nclass C {\n public:\n  void f();\n  void g(int a);\n  void g(long a);\n};\n}\n",
            "c.cc": '#include "c.h"\nnamespace n {\nvoid C::f() { h(); }\nvoid C::g(int a) { f(); }\nvoid h() {}\n}\n',
        },
        {"c.cc::n::C::f": ["c.cc::n::h"], "c.cc::n::C::g": ["c.cc::n::C::f"]},
    ),
}

UNSURE = {
    "one of several functions, by its parameters": {
        "p/A.java": "package p;\nclass A { void f() { g(1); } void g(int a) {} void g(long a) {} }"
    },
    "a macro of another source": {
        "a.h": "int a(void);\n",
        "a.c": '#include "a.h"\n#define check(x) (x)\nstatic int own(void) { return 1; }\nint a(void) { return 1; }\n',
        "m.c": '#include "a.h"\nint m(void) { check(1); return own(); }\n',
    },
    "a method of some type, called as a function": {
        **GO,
        "t.go": "package m\n\ntype T struct{}\n\nfunc (t T) g() {}\n\nfunc m(g func()) { f() }\n\nfunc (t T) f() {}\n",
    },
    "modules that take a name from each other": {
        "a.py": "from b import f\n",
        "b.py": "from a import f\n",
        "m.py": "import a\n\ndef m():\n    a.f()\n",
    },
}


@pytest.mark.parametrize(("texts", "calls"), MEANT.values(), ids=MEANT)
def test_call_is_resolved_to(texts: dict[str, str], calls: dict[str, list[str]], tmp_path: Path) -> None:
    found = link_texts(tmp_path / "x", texts).calls
    assert {caller: found.get(caller) for caller in calls} == calls


@pytest.mark.parametrize("texts", UNSURE.values(), ids=UNSURE)
def test_call_stays_unresolved_that_means(texts: dict[str, str], tmp_path: Path) -> None:
    with cpu_seconds(10):
        assert link_texts(tmp_path / "x", texts).calls == {}


def test_script_imports_the_index_of_the_folder_above(tmp_path: Path) -> None:
    texts = {"index.js": "", "t/a.js": "var a = require('..')\n", "t/b.js": "import '../../index'\n"}
    files = link_texts(tmp_path / "x", texts).files
    assert [files[path, ""]["imports"] for path in ("t/a.js", "t/b.js")] == [["index.js"], []]


def test_held_out_source_takes_no_definition_from_its_training_version(tmp_path: Path) -> None:
    header, source = "int f(void);\n", '#include "f.h"\nint f(void) { return 1; }\n'
    later = '#include "f.h"\nint m(void) { return f(); }\n'
    files = [
        source_file("f.h", header, split="train"),
        source_file("f.c", source, split="train"),
        source_file("f.c", later, split="test", novel=[Novel(start=2, end=2, group="c" * 40)]),
    ]
    linked = link_files(tmp_path / "x", files, {})
    (item,) = linked.files["f.c", "test"]["items"]
    assert item["calls"] == ["f.h::f"]
