"""Facts of each language that has a grammar: items, imports and calls of a small text of it; bounds on bad text."""

import hashlib

import pytest

from repoloom_stages.facts import Facts
from repoloom_stages.index_code import facts_of
from support.language_samples import SAMPLES, Sample
from support.limits import cpu_seconds

WITH_GRAMMAR = ["c", "cpp", "csharp", "go", "java", "javascript", "python", "rust", "tsx", "typescript"]


def facts(language: str, text: str) -> Facts:
    return facts_of(language, text.encode())


@pytest.mark.parametrize("language", SAMPLES)
def test_every_sample_is_of_its_language(language: str) -> None:
    assert facts(language, SAMPLES[language].text)["parsed"]


def test_every_language_with_a_grammar_but_rust_has_a_sample() -> None:
    assert sorted([*SAMPLES, "rust"]) == WITH_GRAMMAR


@pytest.mark.parametrize("language", SAMPLES)
def test_items_have_their_kind_name_lines_and_documentation(language: str) -> None:
    sample = SAMPLES[language]
    found = facts(language, sample.text)["items"]
    assert [
        (item["kind"], item["name"], item["start_line"], item["end_line"], item["doc"]) for item in found
    ] == sample.items


@pytest.mark.parametrize("language", SAMPLES)
def test_items_have_what_is_written_about_them(language: str) -> None:
    sample = SAMPLES[language]
    found = {item["name"]: item for item in facts(language, sample.text)["items"]}
    for name, details in sample.details.items():
        assert {key: dict(found[name])[key] for key in details} == details, name


@pytest.mark.parametrize("language", SAMPLES)
def test_imports_have_their_path_and_the_name_they_have_here(language: str) -> None:
    sample = SAMPLES[language]
    found = facts(language, sample.text)["imports"]
    assert [(one["path"], one["name"], one["public"]) for one in found] == sample.imports


@pytest.mark.parametrize("language", SAMPLES)
def test_calls_have_their_item_and_how_they_call(language: str) -> None:
    sample = SAMPLES[language]
    found = facts(language, sample.text)
    names = [item["name"] for item in found["items"]] + [""]
    assert [(names[item], how, name, receiver) for item, _, how, name, receiver in found["calls"]] == sample.calls


@pytest.mark.parametrize("language", SAMPLES)
def test_a_file_has_its_own_documentation(language: str) -> None:
    assert facts(language, SAMPLES[language].text)["doc"] == SAMPLES[language].doc


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("language", SAMPLES)
def test_a_byte_order_mark_and_line_endings_change_bytes_only(language: str, mark: str, ending: str) -> None:
    plain, text = SAMPLES[language].text, mark + SAMPLES[language].text.replace("\n", ending)
    found, data = facts(language, text), text.encode()
    keys = ("kind", "name", "start_line", "end_line", "doc", "owner", "members", "attributes", "signature")
    expected = facts(language, plain)
    assert [[dict(one)[key] for key in keys] for one in found["items"]] == [
        [dict(one)[key] for key in keys] for one in expected["items"]
    ]
    assert (found["imports"], found["calls"]) == (expected["imports"], expected["calls"])
    for item in found["items"]:
        assert item["sha256"] == hashlib.sha256(data[item["start"] : item["end"]]).hexdigest()
        assert item["start_line"] == data.count(b"\n", 0, item["start"]) + 1
        assert item["end_line"] == data.count(b"\n", 0, item["end"] - 1) + 1
        assert item["start"] < item["body"] <= item["end"]


@pytest.mark.parametrize("language", SAMPLES)
def test_items_stand_in_order_and_inside_their_owners(language: str) -> None:
    items = facts(language, SAMPLES[language].text)["items"]
    assert [item["start"] for item in items] == sorted(item["start"] for item in items)
    for number, item in enumerate(items):
        assert item["owner"] < number
        if item["owner"] >= 0:
            owner = items[item["owner"]]
            assert owner["start"] <= item["start"] < item["end"] <= owner["end"]


@pytest.mark.parametrize("language", SAMPLES)
def test_every_part_of_a_file_has_facts(language: str) -> None:
    """What people and machines cut off in the middle is no reason to fail."""
    data = SAMPLES[language].text.encode()
    for end in range(0, len(data), 7):
        text = data[:end].decode(errors="replace").encode()
        assert facts_of(language, text)["lines"] == text.count(b"\n") + (bool(text) and not text.endswith(b"\n"))


def test_documentation_may_stand_a_line_above_what_it_documents() -> None:
    text = (
        "/** The file. */\n\nexport function f() {}\n\n/** Says g. */\n\nexport function g() {}\n\n"
        "/** No one's. */\n\n\nfunction h() {}\n"
    )
    found = facts("typescript", text)
    assert found["doc"] == "The file."
    assert [(item["name"], item["doc"], item["start_line"]) for item in found["items"]] == [
        ("f", "", 3),
        ("g", "Says g.", 5),
        ("h", "", 12),
    ]


BOUND = {
    "python": (
        "def f(a: T, *b):\n    x = y = a.g()\n    z = a.g()\n    z.h(); x.h(); b.h(); a.h()\n    n = None\n    n.h()\n",
        [("a", ":T"), ("b", ""), ("x", ""), ("z", "a.g()")],
    ),
    "go": (
        (
            "package p\n\nfunc f(a *T) {\n\tx, err := g()\n\tvar y, z = T{}, &U{}\n\tw := new(T)\n"
            "\tx.h()\n\terr.h()\n\ty.h()\n\tz.h()\n\ta.h()\n\tw.h()\n}\n"
        ),
        [("a", ":*T"), ("err", "g().1"), ("x", "g().0"), ("y", ":T"), ("z", ":U"), ("w", ":T")],
    ),
    "java": (
        "class A { void f(T a) { var x = a.g(); for (U u : a.us()) u.h(); x.h(); B[] b; b.h(); a.i(p -> p.h()); } }",
        [("a", ":T"), ("x", "a.g()"), ("u", ":U"), ("b", ":B[]"), ("p", "")],
    ),
    "csharp": (
        "class A { void F(T a) { var x = a.G(); U u = new(); x.H(); u.H(); if (a is V v) v.H(); a.I(p => p.H()); } }",
        [("a", ":T"), ("x", "a.G()"), ("u", ":U"), ("v", ":V"), ("p", "")],
    ),
    "cpp": (
        "void f(const T& a) { auto x = a.g(); U* u = new V(1); x.h(); u->h(); a.h(); for (auto& b : a.bs()) b.h(); }",
        [("a", ":T"), ("x", "a.g()"), ("u", ":U"), ("b", "")],
    ),
    "typescript": (
        """class A { constructor(private t: T) { this.t.h(); this.u = new U(); this.u.h() }
        async f(a?: V) { const x = await a.g(), y = a as W; x.h(); y.h(); const { z } = x; z.h() } }""",
        [("self.t", ":T"), ("self.u", ":U"), ("a", ":V"), ("x", "a.g()"), ("y", ":W"), ("z", "")],
    ),
}


@pytest.mark.parametrize("language", BOUND)
def test_names_that_calls_are_on_are_bound_to(language: str) -> None:
    text, bound = BOUND[language]
    assert [(name, value) for _, _, name, value in facts(language, text)["bindings"]] == bound


HOSTILE = {
    "nothing": "",
    "a byte order mark": "\ufeff",
    "control and bidirectional characters": "\x00\x01\x1b[31m\u202e\u2066 }{)(\x7f",
    "tokens of no language": "§¤ `` @@ ## \\ ?? :: ;; << >>\n" * 500,
    "brackets that open": "(" * 100_000,
    "braces that open": "{" * 100_000,
    "brackets in brackets": "[" * 30_000 + "]" * 30_000,
    "calls in calls": "f(" * 10_000 + ")" * 10_000,
    "calls of what calls give": "f" + "()" * 10_000,
    "calls on what calls give": "x" + ".f()" * 10_000,
    "calls of a long name": "a." * 10_000 + "f();" + "g();" * 10_000,
    "one long line": "var a=1;function b(c,d){return c.e(d)};" * 2_000,
    "comments on one line": "/**/" * 10_000,
    "comments of one line each": "// a\n" * 10_000,
    "a comment that does not end": "/* " + "* @" * 300,
    "classes in classes": "class A {" * 2_000,
    "type arguments in type arguments": "A<" * 2_000 + ">" * 2_000,
    "attributes before attributes": "@a\n" * 5_000 + "class A {}",
    "strings that open": "\"'`" * 5_000,
    "parameters": "void f(" + "int a, " * 5_000 + "int b) { }",
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("language", WITH_GRAMMAR)
def test_hostile_text_takes_bounded_time_and_room(language: str, case: str) -> None:
    data = HOSTILE[case].encode()
    with cpu_seconds(5):
        found = facts_of(language, data)
    assert sum(len(str(item)) for item in found["items"]) < 100 * len(data) + 1000


def test_a_long_file_of_comments_alone_is_found_not_to_be_deep() -> None:
    with cpu_seconds(3):
        assert facts("rust", "// a\n" * 300_000)["parsed"]


def test_what_a_variable_is_bound_to_is_short() -> None:
    text = f"function a() {{\n  const b = new (function () {{ {'c();' * 1000} }})();\n  b.d();\n}}\n"
    ((_, _, name, bound),) = facts("javascript", text)["bindings"]
    assert name == "b"
    assert len(bound) < 300


SIGNATURES = {
    "java": ("class A {\n  @B // why\n  public A(\n      int a,\n      int b) {}\n}\n", "public A(int a, int b)"),
    "python": ("def f(\n    a: int,\n    b=( 1),\n) -> None: ...\n", "def f(a: int, b=(1),) -> None"),
    "c": ("typedef struct {\n  int a;\n} name;\n", "typedef struct name"),
}


@pytest.mark.parametrize(("language", "written"), SIGNATURES.items())
def test_a_signature_is_as_on_one_line(language: str, written: tuple[str, str]) -> None:
    text, signature = written
    assert facts(language, text)["items"][-1]["signature"] == signature


def test_a_namespace_without_braces_holds_the_rest_of_its_file() -> None:
    text = "using A;\nnamespace B.C;\n\n/// <summary>Sails.</summary>\nclass D { void F() {} }\n"
    space, held, method = facts("csharp", text)["items"]
    assert (space["kind"], space["name"], space["start_line"], space["end_line"]) == ("module", "B.C", 2, 5)
    assert (held["name"], held["owner"], held["doc"]) == ("B.C.D", 0, "Sails.")
    assert (method["name"], method["owner"]) == ("B.C.D.F", 1)


READABLE = {
    "braces for C++ alone": '#ifdef __cplusplus\nextern "C" {\n#endif\nint f(void);\n#ifdef __cplusplus\n}\n#endif\n',
    "a macro before a declaration": "CURL_EXTERN int f(void);\nstatic X_API int g(void) { return 1; }\n",
    "a macro between class and name": "class LIB_EXPORT C : public B { void f(); };\nstruct LIB_EXPORT S {};\n",
    "a type as an argument": "int f(va_list a) { return *va_arg(a, unsigned long *) + va_arg(a,int); }\n",
    "annotations for locks": "class C {\n  int a GUARDED_BY(m_);\n  void f()\n      LOCKS_EXCLUDED(m_);\n};\n",
    "a condition before initializers": "struct S {\n  S(int a)\n  :\n#if X\n  a_(a),\n#endif\n  b_(a) {}\n};\n",
    "a condition after initializers": "struct S {\n  S(int a)\n  : a_(a)\n"
    "#if X\n  , b_(a)\n#else\n  , c_(a)\n#endif\n  {}\n};\n",
}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE)
def test_macros_that_no_grammar_reads_are_passed_over(text: str) -> None:
    found = facts("cpp", text)
    assert found["parsed"]
    assert {item["kind"] for item in found["items"]} <= {"class", "function", "struct"}


def test_a_definition_of_such_a_macro_stays_one() -> None:
    found = facts("cpp", "#define X_API __declspec(dllexport)\n#define GUARDED_BY(x) x\n")
    assert [item["name"] for item in found["items"]] == ["X_API", "GUARDED_BY"]


def test_a_sample_is_whole() -> None:
    assert all(isinstance(sample, Sample) and sample.items and sample.calls for sample in SAMPLES.values())
