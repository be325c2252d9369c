"""Sentinels: what stands around the parts of a text with a middle to fill in, and how the parts are arranged.

    prefix first:  <prefix> prefix <suffix> suffix <middle> middle
    suffix first:  <prefix> <suffix> suffix <middle> prefix middle

The second is the form that trains well beside the first (Bavarian et al., arXiv 2207.14255, appendix D). Both read back
alike: what follows the first and what follows the third sentinel, then what follows the second. `fill_in_middle`
chooses the middle; `controls` of a record say where sentinels are control tokens of the tokenizer.
"""

from dataclasses import dataclass
from typing import NamedTuple

from repoloom_stages.records import FILL_IN_MIDDLE, Control, Record


@dataclass(frozen=True)
class Sentinels:
    """The three of a tokenizer, or of none."""

    prefix: str
    suffix: str
    middle: str
    control: bool
    """Whether each is one token of the tokenizer; else they are text like any other."""

    @property
    def all(self) -> tuple[str, str, str]:
        """In the order in which they stand in every arrangement."""
        return self.prefix, self.suffix, self.middle


TEXT = Sentinels("<fim_prefix>", "<fim_suffix>", "<fim_middle>", control=False)
"""For a tokenizer that has none."""

FAMILIES = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),  # Qwen2.5-Coder and later Qwen, CodeGemma
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),  # StarCoder 1 and 2, Stable Code, Granite, Mellum
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),  # SantaCoder
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001 - DeepSeek writes them with these letters
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),  # Code Llama
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),  # GLM-4.5
    ("[PREFIX]", "[SUFFIX]", "[MIDDLE]"),  # Codestral
)
"""Names of control tokens by family, from the models' `tokenizer.json`; most are also listed, with their models, in
https://github.com/ggml-org/llama.cpp/blob/master/src/llama-vocab.cpp (`special_fim_pre_id` and what follows)."""


class Parts(NamedTuple):
    """A text as its three parts, in the order of the source."""

    prefix: str
    middle: str
    suffix: str


def sentinels_of(added: frozenset[str]) -> Sentinels:
    """The sentinels of a tokenizer, by the tokens added to its vocabulary."""
    family = next((names for names in FAMILIES if added.issuperset(names)), None)
    return Sentinels(*family, control=True) if family else TEXT


def arrange(parts: Parts, sentinels: Sentinels, *, suffix_first: bool) -> tuple[str, list[Control]]:
    """The parts as one text, and where its control tokens stand."""
    first, last = ("", parts.prefix + parts.middle) if suffix_first else (parts.prefix, parts.middle)
    text, controls = "", []
    for sentinel, part in zip(sentinels.all, (first, parts.suffix, last), strict=True):
        if sentinels.control:
            controls.append(Control(start=len(text), end=len(text) + len(sentinel)))
        text += sentinel + part
    return text, controls


class Shown(NamedTuple):
    """A stretch of a record's text that shows code."""

    start: int
    """Characters of the text before it."""
    end: int
    before: int
    """Characters of the sample's code that stand before it in the file."""


def shown(record: Record) -> list[Shown]:
    """Where a record's text shows its code, in the text's order."""
    if record["view"] != FILL_IN_MIDDLE:
        return [Shown(record["code_start"], record["code_end"], 0)]
    places = [(one["start"], one["end"]) for one in record["controls"]] or _places_in_text(record)
    (_, first), (first_end, second), (second_end, third) = places
    lengths = first_end - first, record["code_end"] - third
    return [
        Shown(first, first_end, 0),
        Shown(second, second_end, sum(lengths)),
        Shown(third, record["code_end"], lengths[0]),
    ]


def code_of(record: Record) -> str:
    """A record's code as it stands in the source, whatever the view."""
    stretches = sorted(shown(record), key=lambda one: one.before)
    return "".join(record["text"][one.start : one.end] for one in stretches)


def _places_in_text(record: Record) -> list[tuple[int, int]]:
    """Where sentinels stand that are text. The code has none of its own: `fill_in_middle` takes no such code."""
    places, place = [], record["code_start"]
    for sentinel in TEXT.all:
        start = record["text"].index(sentinel, place)
        place = start + len(sentinel)
        places.append((start, place))
    return places
