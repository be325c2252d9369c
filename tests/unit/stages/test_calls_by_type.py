"""Methods called on variables, parameters, fields and results: found where the text says their type, and only there."""

from pathlib import Path

import pytest

from repoloom_stages.linking.written_types import named_type, part_of
from support.limits import cpu_seconds
from support.linking import link_files, link_texts
from support.shards import source_file

GO = {"go.mod": "module m\n"}

MEANT = {
    "a variable of Python that a class, a function or a type gives": (
        {
            "p/d.py": "class D:\n    def f(self): ...\n    def own(self) -> 'D': ...\n\n\ndef d() -> D | None: ...\n",
            "m.py": "from p.d import D, d\n\ndef a():\n    x = D()\n    x.f()\n\n\n"
            "def b(x: 'D | None' = None):\n    x.f()\n\n\n"
            "def c():\n    d().own().f()\n",
        },
        {"m.a": ["p.d.D", "p.d.D.f"], "m.b": ["p.d.D.f"], "m.c": ["p.d.d", "p.d.D.own", "p.d.D.f"]},
    ),
    "a field that a method of Python assigns, and a method above": (
        {
            "m.py": "class A:\n    def f(self): ...\n\n\nclass B(A):\n    def __init__(self):\n        self.a = A()\n\n"
            "    def f(self):\n        super().f()\n        self.a.f()\n"
        },
        {"m.B.f": ["m.A.f"]},
    ),
    "variables of Go by their literal, their function's results, and what is embedded": (
        {
            **GO,
            "t.go": "package m\n\ntype T struct{ In }\ntype In struct{ U *U }\ntype U struct{}\n\n"
            "func (u *U) f() {}\nfunc (t T) g() {}\nfunc NewT() (*T, error) { return nil, nil }\n",
            "m.go": "package m\n\nfunc a() {\n\tx, err := NewT()\n\tx.g()\n\terr.Error()\n\tx.In.U.f()\n}\n\n"
            "func b(t *T) {\n\ty := &T{}\n\ty.g()\n\tt.g()\n}\n",
        },
        {"m.a": ["m.NewT", "m.T.g", "m.U.f"], "m.b": ["m.T.g"]},
    ),
    "variables and fields of Java, and types within types": (
        {
            "p/A.java": "package p;\nclass A {\n  private final B b = new B();\n"
            "  void f(B.C c) { b.g(); c.h(); var x = b.g(); x.h(); }\n"
            "  void i() { new In(); }\n  class In {}\n}\n",
            "p/B.java": "package p;\nclass B { C g() { return null; } static class C { void h() {} } }\n",
        },
        {"p.A.f": ["p.B.g", "p.B.C.h"], "p.A.i": ["p.A.In"]},
    ),
    "a class of C# in parts, a project's namespaces, a base's method": (
        {
            "a/a.csproj": '<Project><ItemGroup><Using Include="N.O" /></ItemGroup></Project>',
            "a/A.cs": "namespace N.A;\n"
            "class A : B { int x; void F(P p) { p.G(); var q = new P(); q.H(); base.I(); } void I() {} }\n",
            "b/P1.cs": "namespace N.O;\npartial class P { public void G() {} }\n",
            "b/P2.cs": "namespace N.O;\npartial class P { public void H() {} }\nclass B { void I() {} }\n",
        },
        {"a/A.cs::N.A.A.F": ["b/P1.cs::N.O.P.G", "b/P1.cs::N.O.P", "b/P2.cs::N.O.P.H", "b/P2.cs::N.O.B.I"]},
    ),
    "what TypeScript's constructor, annotation and `new` say": (
        {
            "t.ts": "export class T { f(): T { return this } }\n",
            "m.ts": "import { T } from './t'\nclass M {\n  constructor(private t: T) {}\n  a() { this.t.f() }\n}\n"
            "async function b(g: () => Promise<T>) {\n  const x: T | undefined = g()\n  x.f()\n}\n"
            "function c() { const y = new T(); y.f().f() }\n",
        },
        {"m.ts::M.a": ["t.ts::T.f"], "m.ts::b": ["t.ts::T.f"], "m.ts::c": ["t.ts::T", "t.ts::T.f"]},
    ),
    "variables, fields and tests of C++, through a header that a header includes": (
        {
            "s.h": "namespace n {\nclass S {\n public:\n  bool ok() const;\n};\n}\n",
            "t.h": '#include "s.h"\nnamespace n {\nclass T {\n public:\n  S get();\n  S s_;\n};\n}\n',
            "m.cc": "#include <t.h>\nnamespace n {\n"
            "void a(const T& t) { t.get().ok(); S s; s.ok(); T* p = new T; p->s_.ok(); }\n"
            "class F { public: void g(); };\nTEST_F(F, One) { g(); }\n}\n",
        },
        {"m.cc::n::a": ["t.h::n::T::get", "s.h::n::S::ok", "t.h::n::T"], "m.cc::n::TEST_F(F, One)": ["m.cc::n::F::g"]},
    ),
}

CLASSES = "class A:\n    def f(self): ...\n\n\nclass B:\n    def f(self): ...\n\n\n"

UNSURE = {
    "a name that is bound to two types": {
        "m.py": CLASSES + "def m(x: A):\n    x = b(x)\n    x.f()\n\n\ndef b(x): ...\n"
    },
    "a parameter of a function within": {"m.py": CLASSES + "def m(x: A):\n    return [lambda x: x.f()]\n"},
    "variables that are bound in a circle": {"m.py": CLASSES + "def m():\n    x = y.f()\n    y = x.f()\n    x.f()\n"},
    "an element of a list": {"p/A.java": "package p;\nclass A { void f() {} void g(A[] as) { as.f(); } }\n"},
    "a type parameter that has a class's name": {
        "p/A.java": "package p;\nclass A { void f() {} }\n",
        "p/B.java": "package p;\nclass B<A> { void g(A a) { a.f(); } }\n",
    },
    "one of a class's methods of one name in its parts": {
        "a.cs": "namespace N;\npartial class P { void F() { } void G() { F(); } }\n",
        "b.cs": "namespace N;\npartial class P { void F(int a) { } }\n",
    },
    "a class, and one of its name with type parameters": {
        "a.cs": "namespace N;\nclass P { }\nclass P<T> { }\nclass M { void G() { new P(); } }\n"
    },
    "a header of the language": {
        "string.h": "int f(void);\n",
        "m.c": "#include <string.h>\nint m(void) { return f(); }\n",
    },
}


@pytest.mark.parametrize(("texts", "calls"), MEANT.values(), ids=MEANT)
def test_method_is_found_on(texts: dict[str, str], calls: dict[str, list[str]], tmp_path: Path) -> None:
    found = link_texts(tmp_path / "x", texts).calls
    assert {caller: found.get(caller) for caller in calls} == calls


@pytest.mark.parametrize("texts", UNSURE.values(), ids=UNSURE)
def test_method_is_left_alone_on(texts: dict[str, str], tmp_path: Path) -> None:
    found = link_texts(tmp_path / "x", texts).calls
    assert not [callee for callees in found.values() for callee in callees if callee.rpartition(".")[2] != "b"]


def test_long_chain_of_variables_harms_nothing(tmp_path: Path) -> None:
    chain = "".join(f"    x{one} = x{one + 1}.f()\n" for one in range(5_000))
    text = f"class A:\n    def f(self) -> 'A': ...\n\n\ndef m():\n{chain}    x5000 = A()\n    x0.f()\n"
    assert link_texts(tmp_path / "x", {"m.py": text}).calls["m.m"][-1] == "m.A"


def test_class_in_parts_has_the_methods_of_the_held_out_file(tmp_path: Path) -> None:
    text = "namespace N;\npartial class A { void F() { G(); H(); } void G() { } }\n"
    part = "namespace N;\npartial class A { void H() { } }\n"
    files = [
        source_file("a.cs", text),
        source_file("a.cs", f"{text}// more\n", split="test"),
        source_file("b.cs", part),
    ]
    found = link_files(tmp_path / "x", files, {}).files
    calls = ["a.cs::N.A.G", "b.cs::N.A.H"]
    assert [found["a.cs", split]["items"][2]["calls"] for split in ("train", "test")] == [calls, calls]


GENERATED = {
    "imports of everything": "".join(f"from x{one} import *\n" for one in range(6_000))
    + "def m():\n"
    + "".join(f"    f{one}()\n" for one in range(6_000)),
    "values of one name": "def m():\n" + "".join(f"    x = y{one}()\n    x.a{one}.f()\n" for one in range(8_000)),
    "bases of a class": "".join(f"class B{one}: ...\n" for one in range(4_000))
    + f"class A({', '.join(f'B{one}' for one in range(4_000))}):\n    def m(self):\n"
    + "".join(f"        self.f{one}()\n" for one in range(4_000)),
}


@pytest.mark.parametrize("text", GENERATED.values(), ids=GENERATED)
def test_generated_file_takes_bounded_time_with_thousands_of(text: str, tmp_path: Path) -> None:
    with cpu_seconds(6):
        assert link_texts(tmp_path / "x", {"m.py": text}).calls == {}


def test_hostile_type_takes_bounded_time() -> None:
    with cpu_seconds(1):
        assert named_type(f"A<b {'* ' * 800}c>", "cpp") == "A"


@pytest.mark.parametrize(
    ("text", "language", "name"),
    [
        ("const leveldb::Slice& ", "cpp", "leveldb::Slice"),
        ("struct node *", "cpp", "node"),
        ("Foo const &", "cpp", "Foo"),
        ("Foo* const", "cpp", "Foo"),
        ("isconst", "cpp", "isconst"),
        ("*Foo", "go", "Foo"),
        ("[]Foo", "go", ""),
        ("map[string]Foo", "go", ""),
        ("t.Optional[Foo]", "python", "Foo"),
        ("'Foo | None'", "python", "Foo"),
        ("A | B", "typescript", ""),
        ("Foo[]", "typescript", ""),
        ("Promise<Foo<T>>", "typescript", "Foo"),
        ("() => Foo", "typescript", ""),
        ("this IFoo<T>?", "csharp", "IFoo"),
        ("", "java", ""),
    ],
)
def test_written_type_names(text: str, language: str, name: str) -> None:
    assert named_type(text, language) == name


def test_one_of_several_results_of_go() -> None:
    assert [part_of("(*Foo, error)", one) for one in range(3)] == ["*Foo", "error", ""]
    assert part_of("Foo", 0) == "Foo"
    assert part_of("(func() (A, B), error)", 1) == ""
