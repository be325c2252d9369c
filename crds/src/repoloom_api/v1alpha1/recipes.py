"""Recipes: how samples are made. Each makes one shape of record.

keep (which inputs) → the recipe's block → chunk (how long)
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from repoloom_api.base import Items, Lax, Model, Path, Raw, Rule, distinct, only_one, ordered
from repoloom_api.v1alpha1.common import Empty, Glob, Name, Percent


def at_least_one(*fields: str) -> Rule:
    """Some of the optional blocks must be set; which ones is free."""

    def faults(raw: Raw) -> Iterator[Path]:
        if all(raw.get(field) is None for field in fields):
            yield ()

    cel = " || ".join(f"has(self.{field})" for field in fields)
    return Rule(f"at least one of {', '.join(fields)} must be set", cel, faults)


class Shape(StrEnum):
    """What a record holds: the loss of a training on it follows from this."""

    TEXT = "text"
    PROMPT_COMPLETION = "promptCompletion"
    PREFERENCE = "preference"


class Keep(Model):
    """Which inputs a recipe takes; what it drops is counted by reason."""

    rules: ClassVar = (ordered("minBytes", "maxBytes"),)

    include: Items[Glob] = Field(default=(), max_length=64)
    """Only paths that match one of these; empty means all."""

    exclude: Items[Glob] = Field(default=(), max_length=64)
    """Paths that match one of these are dropped."""

    min_bytes: int = Field(default=0, ge=0, le=50_000_000)
    """Smaller files are dropped."""

    max_bytes: int = Field(default=50_000_000, ge=1, le=50_000_000)
    """Larger files are dropped."""


class Chunk(Model):
    """How long texts are: cut between syntax nodes, never inside one that fits."""

    rules: ClassVar = (ordered("minTokens", "maxTokens"),)

    min_tokens: int = Field(default=0, ge=0, le=1_048_576)
    """Shorter samples are dropped, after small parts were packed together where a recipe packs."""

    max_tokens: int = Field(default=4096, ge=64, le=1_048_576)
    """No sample is longer, counted by the build's tokenizer over the whole text, header included."""


class HeaderField(StrEnum):
    """What a header can say about a sample."""

    REPOSITORY = "repository"
    FILE = "file"
    LANGUAGE = "language"
    KIND = "kind"
    NAME = "name"
    HOLDER = "holder"
    BYTES = "bytes"
    DOC = "doc"
    CRATE = "crate"
    CRATE_PURPOSE = "cratePurpose"
    MODULE = "module"
    LAYER = "layer"
    PATTERN = "pattern"


class HeaderFields(Model):
    """Which fields the header shows, in this order; those a sample lacks are left out.

    `holder` is the head of the impl, trait, class or interface that an item is part of.
    """

    rules: ClassVar = (distinct("fields"),)

    fields: Items[Lax[HeaderField]] = Field(default=(HeaderField.FILE,), min_length=1, max_length=13)
    """Fields in the order written."""


class Header(Model):
    """What stands before the code of a sample."""

    rules: ClassVar = (only_one("none", "comment", "tags"),)

    none: Empty | None = None
    """Nothing."""

    comment: HeaderFields | None = None
    """Comment lines in the file's own language."""

    tags: HeaderFields | None = None
    """A `<path>` block, with the code in a `<file>` block after it."""


class FillInMiddle(Model):
    """A piece of the code is moved behind its surroundings, for the model to fill in: a whole syntax node four times of
    five, else a random span; prefix first or suffix first, half of the time each.
    """

    percent: Percent = 50.0
    """Of the units, so many have this view."""


class Views(Model):
    """Ways to write a sample; each that is set makes samples of its own."""

    rules: ClassVar = (at_least_one("plain", "fillInMiddle", "callGraph"),)

    plain: Empty | None = None
    """As it stands."""

    fill_in_middle: FillInMiddle | None = None
    """With a middle to fill in."""

    call_graph: Empty | None = None
    """After a tree of what it calls and what calls it. Units without any resolved call have no such view."""


class Granularity(StrEnum):
    """What one sample holds."""

    REPOSITORY = "repository"
    CRATE = "crate"
    MODULE = "module"
    FILE = "file"
    FUNCTION = "function"
    STRUCT = "struct"
    ENUM = "enum"
    TRAIT = "trait"
    IMPL = "impl"
    CLASS = "class"
    INTERFACE = "interface"
    MACRO = "macro"
    TYPE = "type"
    CONST = "const"


OVERVIEWS = frozenset({Granularity.REPOSITORY, Granularity.CRATE, Granularity.MODULE})
"""Granularities above the file: what there is and how it depends on each other, in place of all its code."""


class CodeUnits(Model):
    """One sample for each unit of code: whole files, or the items in them; or for each crate or module an overview."""

    rules: ClassVar = (distinct("granularities"),)

    granularities: Items[Lax[Granularity]] = Field(default=(Granularity.FILE,), min_length=1, max_length=14)
    """What counts as a unit; a language without such items has no units of that kind."""

    header: Header = Header(comment=HeaderFields())
    """What stands before the code."""

    views: Views = Views(plain=Empty())
    """How each unit is written; overviews are always plain."""


class LargeFiles(Model):
    """Each large file by itself."""

    min_bytes: int = Field(default=0, ge=0, le=50_000_000)
    """Smaller files are none; 0 takes those that fill the window by themselves: at least `chunk.minTokens`."""


class Crates(Model):
    """Each crate or package, whole."""

    max_bytes: int = Field(default=2_000_000, ge=1, le=50_000_000)
    """Larger crates are dropped."""


class CodeGroups(Model):
    """Code that belongs together, from several files, filled to the window of `chunk`."""

    rules: ClassVar = (
        at_least_one(
            "largeFiles", "smallFiles", "modules", "crates", "implCollections", "traitEcosystems", "crossCrate"
        ),
    )

    header: Header = Header(tags=HeaderFields())
    """What stands before each file of a group."""

    large_files: LargeFiles | None = None
    """Each large file by itself."""

    small_files: Empty | None = None
    """Files below `chunk.minTokens`, neighbours first, packed together."""

    modules: Empty | None = None
    """The files of a folder together."""

    crates: Crates | None = None
    """Each crate or package, whole, its files in dependency order."""

    impl_collections: Empty | None = None
    """A type with all its implementations, or the methods that stand outside it, where there are two or more."""

    trait_ecosystems: Empty | None = None
    """A trait or interface with all that implement it, a class with those below it where there are two or more."""

    cross_crate: Empty | None = None
    """An item with uses of it in other crates."""


class Match(Model):
    """Which items a pattern means: in a list any entry may match, between fields all must.

    Entries are names or globs (`*validate*`); what is compared ignores paths and arguments before and after a name.
    """

    rules: ClassVar = (
        at_least_one("items", "attributes", "macros", "functions", "modifiers", "calls", "returns", "implements"),
    )

    items: Items[Lax[Granularity]] | None = Field(default=None, min_length=1, max_length=14)
    """Kinds of item."""

    attributes: Items[Glob] | None = Field(default=None, min_length=1, max_length=32)
    """It carries such an attribute, decorator or annotation."""

    macros: Items[Glob] | None = Field(default=None, min_length=1, max_length=32)
    """It is the call of such a macro; a name with a path (`diesel::table`) matches with or without that path."""

    functions: Items[Glob] | None = Field(default=None, min_length=1, max_length=32)
    """It is a function of such a name."""

    modifiers: Items[Glob] | None = Field(default=None, min_length=1, max_length=32)
    """It is a function with such a modifier: `async`, `unsafe`, `const`, `extern`."""

    calls: Items[Glob] | None = Field(default=None, min_length=1, max_length=32)
    """It calls something of such a name."""

    returns: Items[Glob] | None = Field(default=None, min_length=1, max_length=32)
    """Its return type is of such a name."""

    implements: Items[Glob] | None = Field(default=None, min_length=1, max_length=32)
    """It implements such a trait, class or interface."""


class Limit(Model):
    """How many matches are taken; left out, all."""

    rules: ClassVar = (only_one("mostFrequent", "mostCentral"),)

    most_frequent: int | None = Field(default=None, ge=1, le=10_000)
    """Only of so many names, those that match most often."""

    examples_each: int = Field(default=10, ge=1, le=10_000)
    """With `mostFrequent`: so many of each name."""

    most_central: int | None = Field(default=None, ge=1, le=1_000_000)
    """Only so many items, those that most of the call graph leads to."""


class Context(Model):
    """How much of what surrounds a match is shown."""

    rules: ClassVar = (only_one("item", "file", "lines", "module"),)

    item: Empty | None = None
    """The matched item alone."""

    file: Empty | None = None
    """The file that holds it; several matches in a file are one sample."""

    lines: int | None = Field(default=None, ge=0, le=10_000)
    """So many lines before and after it; matches whose lines touch are one sample."""

    module: Empty | None = None
    """The module or class that holds it, or the file."""


class Pattern(Model):
    """Items of the code index that have something in common."""

    name: Name
    """Name of the pattern, which its samples carry as their granularity's kind."""

    match: Match
    """Which items."""

    limit: Limit | None = None
    """How many."""

    context: Context = Context(item=Empty())
    """How much of what surrounds them."""


class CodePatterns(Model):
    """Samples of patterns in the code: selectors over its index."""

    keyed_by_name: ClassVar = ("patterns",)

    header: Header = Header(comment=HeaderFields())
    """What stands before the code."""

    views: Views = Views(plain=Empty())
    """How each match is written."""

    patterns: Items[Pattern] = Field(min_length=1, max_length=64)
    """What to look for."""


class CodeQuestions(Model):
    """Prompts and completions made from the index alone; every answer is checked against it."""

    rules: ClassVar = (at_least_one("instruction", "reasoning"),)

    instruction: Empty | None = None
    """A task and the code or fact that answers it."""

    reasoning: Empty | None = None
    """A question about how code hangs together, its steps, and the answer."""


class Recipe(Model):
    """A way to make samples; each recipe makes one shape of record."""

    rules: ClassVar = (only_one("codeUnits", "codeGroups", "codePatterns", "codeQuestions", "codeContrasts"),)

    name: Name
    """Name of the recipe, which its records carry."""

    from_: Items[Name] = Field(default=(), alias="from", max_length=64)
    """Sources to read; empty means all."""

    keep: Keep = Keep()
    """Which inputs to take."""

    chunk: Chunk | None = None
    """How long texts are; left out, the build's `chunk` holds."""

    code_units: CodeUnits | None = None
    """One sample for each unit of code."""

    code_groups: CodeGroups | None = None
    """Code that belongs together, from several files."""

    code_patterns: CodePatterns | None = None
    """Samples of patterns in the code."""

    code_questions: CodeQuestions | None = None
    """Prompts and completions about the code."""

    code_contrasts: Empty | None = None
    """Pairs of a right and a wrong piece of code, for a preference trainer."""

    @property
    def shape(self) -> Shape:
        """What its records hold."""
        if self.code_questions:
            return Shape.PROMPT_COMPLETION
        return Shape.PREFERENCE if self.code_contrasts else Shape.TEXT
