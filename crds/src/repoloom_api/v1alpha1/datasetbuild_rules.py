"""Rules across the fields of a DatasetBuild, each in CEL and in Python; `datasetbuild` says where they hold."""

from collections.abc import Iterator
from typing import Any

from repoloom_api.base import Path, Raw, Rule, blocks, named, unknown_names

RESERVED_OUTPUT = "collected"
"""What was collected always lies in a folder of this name beside the outputs."""


def _sources_exist(raw: Raw) -> Iterator[Path]:
    known = named(raw, "sources")
    for position, recipe in blocks(raw, "recipes"):
        yield from (("recipes", position, "from", index) for index in unknown_names(recipe.get("from"), known))


def _recipes_exist(raw: Any, field: str, known: list[str] | None) -> Iterator[Path]:
    for position, block in blocks(raw, field):
        yield from ((field, position, "recipes", index) for index in unknown_names(block.get("recipes"), known))


def _shapes(raw: Raw) -> dict[str, str]:
    """Recipes by name, each with the block that decides its shape, or nothing where it makes text."""
    written = {block["name"]: block for _, block in blocks(raw, "recipes") if isinstance(block.get("name"), str)}
    return {
        name: next((field for field in ("codeQuestions", "codeContrasts") if block.get(field) is not None), "")
        for name, block in written.items()
    }


def _shapes_of_outputs(raw: Raw) -> Iterator[tuple[int, Raw, list[str]]]:
    """Each output with its position, and the shapes of its recipes as far as they are known."""
    shapes = _shapes(raw)
    for position, output in blocks(raw, "outputs"):
        names = output.get("recipes")
        known = names if isinstance(names, list) else []
        yield position, output, [shapes[name] for name in known if isinstance(name, str) and name in shapes]


def _mixed_shapes(raw: Raw) -> Iterator[Path]:
    for position, _, shapes in _shapes_of_outputs(raw):
        if len(set(shapes)) > 1:
            yield "outputs", position, "recipes"


def _pairs_as_text(raw: Raw) -> Iterator[Path]:
    for position, output, shapes in _shapes_of_outputs(raw):
        written = output.get("format")
        if any(shapes) and isinstance(written, dict) and written.get("records") is None:
            yield "outputs", position, "format"


def _shares_add_up(raw: Raw) -> Iterator[Path]:
    written = [raw.get(f"{split}Percent") for split in ("train", "validation", "test")]
    shares = [share for share in written if isinstance(share, int | float)]
    if len(shares) == len(written) and sum(shares) != 100:
        yield ()


def _nothing_required(raw: Raw) -> Iterator[Path]:
    if all(value is None for value in raw.values()):
        yield ()


# Known names are bound once, as the only item of a list: looking through the blocks again for every reference exceeds
# Kubernetes' limit on a rule's work where every list is full, although its estimate allows it.
SOURCES_EXIST = Rule(
    "must be the name of a source",
    "[self.sources.map(s, s.name)].all(known, self.recipes.all(r, !has(r.from) || r.from.all(n, n in known)))",
    _sources_exist,
)
RECIPES_EXIST = Rule(
    "must be the name of a recipe",
    "[self.recipes.map(r, r.name)].all(known, !has(self.outputs) || self.outputs.all(o, o.recipes.all(n, n in known)))",
    lambda raw: _recipes_exist(raw, "outputs", named(raw, "recipes")),
)
JUDGED_RECIPES_EXIST = Rule(
    "must be the name of a recipe",
    "[self.recipes.map(r, r.name)].all(known, !has(self.refine) || !has(self.refine.gates) || "
    "self.refine.gates.all(g, !has(g.recipes) || g.recipes.all(n, n in known)))",
    lambda raw: (("refine", *path) for path in _recipes_exist(raw.get("refine"), "gates", named(raw, "recipes"))),
)
ONE_SHAPE_EACH = Rule(
    "the recipes of an output must make one shape of record: text, prompts with completions, or preferences",
    "[self.recipes.filter(r, has(r.codeQuestions)).map(r, r.name), "
    "self.recipes.filter(r, has(r.codeContrasts)).map(r, r.name)].all(names, !has(self.outputs) || "
    "self.outputs.all(o, o.recipes.all(n, n in names) || !o.recipes.exists(n, n in names)))",
    _mixed_shapes,
)
TEXT_FORMATS_TAKE_TEXT = Rule(
    "the formats text and taggedText take no prompts with completions and no preferences",
    "[self.recipes.filter(r, has(r.codeQuestions) || has(r.codeContrasts)).map(r, r.name)].all(names, "
    "!has(self.outputs) || self.outputs.all(o, !has(o.format) || has(o.format.records) || "
    "!o.recipes.exists(n, n in names)))",
    _pairs_as_text,
)
SHARES_ADD_UP = Rule(
    "trainPercent, validationPercent and testPercent must add up to 100",
    "double(self.trainPercent) + double(self.validationPercent) + double(self.testPercent) == 100.0",
    _shares_add_up,
)
AT_LEAST_ONE = Rule(
    "at least one requirement must be set",
    "has(self.minCharacters) || has(self.maxCharacters) || has(self.minTokens) || has(self.maxLineCharacters) || "
    "has(self.parses)",
    _nothing_required,
)
NAME_IS_FREE = Rule(
    f"no output may be named {RESERVED_OUTPUT}",
    f"self.name != '{RESERVED_OUTPUT}'",
    lambda raw: [("name",)] if raw.get("name") == RESERVED_OUTPUT else [],
)
