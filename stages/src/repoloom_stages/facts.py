"""Facts: what a file holds, by its language and bytes alone, as `index-code` writes them and every recipe reads them.

What depends on other files (which function a call means, in which crate a file is) is in `links`.
"""

from typing import TypedDict


class Item(TypedDict):
    """A unit of code in a file. Lines count from 1 and are whole where nothing else stands on them."""

    kind: str
    """function, struct, enum, trait, impl, macro, module, type, const, class, interface."""
    name: str
    """Qualified within the file: `Type::method`, `Class.method`, `inner::name` in an inline module; of an impl, `Type`
    or `Trait for Type` as written."""
    start: int
    """Byte offset of its first byte, doc comments, attributes, decorators and indentation included."""
    end: int
    """Byte offset after its last byte, which is the newline that ends a whole last line."""
    body: int
    """Byte offset where its body starts (`{`, or what follows `:`); `end` where it has none, as what is only declared:
    a method of a trait, `mod x;`, which is an item and no import."""
    start_line: int
    end_line: int
    doc: str
    """Its documentation's first paragraph."""
    sha256: str
    """Of its bytes."""
    signature: str
    """What stands between documentation, attributes and body, on one line."""
    visibility: str
    """As written: `pub`, `pub(crate)`, `public`, `export`; empty where nothing is written."""
    modifiers: list[str]
    """async, unsafe, const, extern, static, abstract, … as written."""
    attributes: list[str]
    """Attributes, decorators, annotations, as written inside their brackets: `derive(Debug)`, `test`, `property`."""
    generics: str
    """Type parameters as written, without their brackets, and a where clause after them: `T, U: Read, where T: Copy`.
    """
    returns: str
    """Return type as written; of a const or type alias, its type; of a macro that expands to one call, that call with
    `()` after it."""
    bases: list[str]
    """Super traits, base classes, implemented interfaces, as written; of an impl, its trait; of an associated type, its
    bounds."""
    type: str
    """Of an impl, the type it is for, as written."""
    owner: int
    """Position in `items` of what holds it (module, impl, trait, class); -1 at the top of the file."""
    members: list[list[str]]
    """`[name, type]` of fields of a struct or class, of parameters of a function (the receiver `self` aside), of an
    enum's variants (with what they hold, `(u8)` or `{ at: u64 }`, or nothing), as written."""
    test: bool
    """Whether it is a test, or stands in a module of tests."""


class Import(TypedDict):
    """A name that a file takes from elsewhere. `use a::{b, c as d}` is two."""

    path: str
    """What is imported, as written and without braces: `crate::a::b`, `os.path`, `./util`; of JavaScript `./util#f`
    where the name there is another."""
    name: str
    """The name it has here; `*` for all that is in it, empty where it binds none."""
    public: bool
    """Whether it is exported on: `pub use`, `export … from`."""
    owner: int
    """Position in `items` of the module that holds it; -1 at the top of the file."""
    line: int


Call = tuple[int, int, str, str, str]
"""Item that calls (its innermost function, or item; -1: none), line, how, name, receiver.

How: `free` (`f()`), `path` (`a::b()`, `Type.method()` where the left side is a type), `self` (`self.f()`, `this.f()`),
`method` (`x.f()`), `macro` (`f!()`), `new` (`new F()`). Name as written, without type arguments. Receiver: of a method,
the expression before the dot if it is names and dots (`x`, `self.store`), or `f()` for the result of a call of `f`; of
`self`, the word for the object's bases where it is one (`super`, `base`); else empty.
"""

Binding = tuple[int, int, str, str]
"""Item it stands in, line from which it holds, local name, and what it is bound to as far as the text says it.

That is the written type, the path of a literal (`Foo` of `Foo { … }`), or an expression of names, dots and calls
(`Foo::new()`, `self.a.b`, `m!()`), in which `a?` also stands for what `Some(x)` takes out of `a`, `a.for()` for an item
that a loop takes, `match(Foo::Bar).0` for a part that a pattern takes, `f(|0,1|)` for what `f` gives the second
parameter of the closure that is its first argument. It is empty where the text does not say it, and `}` with a line
where what was bound from that line on holds no more.

In other languages than Rust, a type stands after `:` (`:Foo`), `f().0` is a part of what a call gives, `self.x` a field
of the object around, and only names are listed on which something is called; a name bound twice is listed twice.
"""


class Found(TypedDict):
    """What a syntax tree holds: what a language's finder makes of it."""

    doc: str
    """The file's own documentation (`//!`, a module's docstring), its first paragraph."""
    items: list[Item]
    """In order of position; nested items are listed too, after what holds them."""
    imports: list[Import]
    """In order of position."""
    calls: list[Call]
    """In order of position."""
    bindings: list[Binding]
    """In order of line."""


class Facts(Found):
    """What a blob holds, whatever its path."""

    lines: int
    parsed: bool
    """Whether a grammar read it without a syntax error; false also where there is no grammar, and where nodes nest
    or stand in a row as no person writes them, so that imports, calls and bindings are left out."""
    unread: str
    """Why a text in a language with a grammar has no tree, and nothing but lines here; empty for any other. Nobody may
    parse it: that can take hours, or all memory."""


class IndexedFile(Facts):
    """What a file holds: `index/files.jsonl.zst`, line for line beside the shard's files."""

    path: str
    split: str
    blob: str
    language: str
