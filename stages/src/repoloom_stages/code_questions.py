"""Stage `code-questions`: prompts and completions made of the index and its links alone, on one shard.

Instructions ask for code, documentation, members, places or calls; reasoning asks how a call comes from one function to
another and what a change touches, and answers in steps. An answer is written from facts and read back against them: a
name in it that the snapshot does not have drops the pair, and what its path alone does not tell from another is asked
nothing that only one of them answers. Prompts open with the name of what they ask about, so that no
opening is frequent.
"""

import re
from collections.abc import Iterator
from functools import partial

from repoloom_api.catalogue import CodeQuestionsParams
from repoloom_api.v1alpha1.recipes import Shape
from repoloom_stages.facts import Item
from repoloom_stages.links import GraphItem, LinkedItem
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.headers import repository_name
from repoloom_stages.sampling.neighbourhood import Neighbourhood, is_constructor, name_of
from repoloom_stages.sampling.pairs import Pair, write_pairs

KIND = "code-question"

MOST_NAMES = 30
"""In one answer. What is called from more places is known to everybody, and a list of them teaches nothing."""

CODE_KINDS = {"function": "function", "struct": "type", "enum": "type", "class": "type", "interface": "type"}

AGREED = frozenset({"interface", "trait"})
"""What holds functions whose signatures others must have too."""

LANGUAGES = {"cpp": "C++", "csharp": "C#", "javascript": "JavaScript", "tsx": "TypeScript", "typescript": "TypeScript"}
"""Names that are no word with a capital."""

PARTS = {
    "csharp": ("folder", "project"),
    "go": ("package", "module"),
    "java": ("package", "module"),
    "rust": ("module", "crate"),
}
"""What a language calls that of which a file is a part, and that of which this is a part."""

_WORD = re.compile(r"\w+")
_DOCSTRING = re.compile(r"""[rRuU]?(\"{3}|'{3}|"|')(?:\\.|(?!\1).)*\1[ \t]*;?[ \t]*\n*""", re.DOTALL)


def run(params: CodeQuestionsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Write `records/` and `ids/` of the roles `files`, `index`, `places`, `links`, `graph` and `tokenizer`.

    Counted are questions; a file that `keep` leaves out counts as one.
    """
    write_pairs(params, Shape.PROMPT_COMPLETION, KIND, inputs, outputs, partial(_pairs, params))


def _pairs(params: CodeQuestionsParams, file: CodeFile, neighbours: Neighbourhood) -> Iterator[Pair]:
    assert file.links is not None  # the planner gives this stage links
    for item, linked in zip(file.facts["items"], file.links["items"], strict=True):
        if item["test"] or item["kind"] not in CODE_KINDS or file.why_not(item["start"], item["end"]):
            continue
        asked = _Asked(file, item, linked, neighbours)
        if params.questions.instruction:
            yield from asked.instructions()
        if params.questions.reasoning:
            yield from asked.reasoning()


class _Asked:
    """An item that questions are about."""

    def __init__(self, file: CodeFile, item: Item, linked: LinkedItem, neighbours: Neighbourhood) -> None:
        self._file, self._item, self._linked, self._neighbours = file, item, linked, neighbours
        self._path = file.about["path"]
        self._repository = repository_name(file.about["repo"])
        self._subject = f"`{linked['id']}`"

    def instructions(self) -> Iterator[Pair]:
        item = self._item
        if item["kind"] == "function" and item["body"] < item["end"]:
            yield self._implement()
            yield from self._document()
        if self._has_namesake:
            return
        if item["members"] and CODE_KINDS[item["kind"]] == "type":
            yield self._members()
        yield self._locate()
        yield from self._calls()

    def reasoning(self) -> Iterator[Pair]:
        if self._has_namesake:
            return
        if self._item["kind"] == "function" and 0 < self._linked["called"] <= MOST_NAMES and not self._is_agreed:
            yield self._impact()
        yield from self._ways()

    @property
    def _has_namesake(self) -> bool:
        """Whether its path alone does not say what is meant."""
        return self._neighbours.has_namesake(self._linked["id"], self._item["kind"])

    @property
    def _is_agreed(self) -> bool:
        """Whether its signature is that of a trait or interface, or is one: who else implements that is not known."""
        holder = self._file.holder(self._item)
        return holder is not None and (bool(holder["bases"]) or holder["kind"] in AGREED)

    def _implement(self) -> Pair:
        said = f"\n\n{self._item['doc']}" if self._item["doc"] else ""
        written = self._file.about["language"]
        language = LANGUAGES.get(written, written.capitalize())
        where = f"in `{self._path}` of {self._repository}"
        holder = self._file.part_of(self._item)
        signature = (f"Part of: `{holder}`\n" if holder else "") + f"Signature: `{self._item['signature']}`"
        prompt = f"{self._subject} {where}: write this {language} function.{said}\n\n{signature}\n\n"
        start, end = self._item["start"], self._item["end"]
        code = self._file.code(start, end)
        place = (len(prompt), len(prompt) + len(code))
        return self._pair("implement", prompt, code, code=place)

    def _document(self) -> Iterator[Pair]:
        code = self._undocumented() if self._item["doc"] else ""
        if code:
            prompt = f"{self._subject}: write its documentation in one paragraph.\n\n{_fenced(code, self._file)}\n\n"
            yield self._pair("document", prompt, self._item["doc"] + "\n")

    def _undocumented(self) -> str:
        """The function without its documentation; nothing where that is all there is, or cannot be told."""
        signature, body = self._item["signature"], self._file.outdented(self._item)
        if self._file.about["language"] != "python":
            return f"{signature} {body}"
        docstring = _DOCSTRING.match(body)
        rest = body[docstring.end() :] if docstring else ""
        return f"{signature}:\n{rest}" if rest.strip() else ""

    def _members(self) -> Pair:
        what = "variants" if self._item["kind"] == "enum" else "fields"
        lines = [f"- `{name}`: `{type_}`" if type_ else f"- `{name}`" for name, type_ in self._item["members"]]
        prompt = f"{self._subject}: which {what} does it have, in order?\n\n"
        shown = self._file.code(self._item["start"], self._item["end"])
        verified = all(name in shown for name, _ in self._item["members"])
        return self._pair("members", prompt, "\n".join(lines) + "\n", verified=verified)

    def _locate(self) -> Pair:
        place, item, holder = self._file.place, self._item, self._file.part_of(self._item)
        part, whole = PARTS.get(self._file.about["language"], ("module", "package"))
        belongs = [f"in `{holder}`"] if holder else []
        belongs += [f"of the {part} `{place['module']}`"] if place["module"] else []
        belongs += [f"in the {whole} `{place['crate']}`"] if place["crate"] else []
        prompt = f"{self._subject}: what is it, and where in {self._repository} is it defined?\n\n"
        what = " ".join([*filter(None, (item["visibility"], item["kind"])), *belongs])
        return self._pair(
            "locate", prompt, f"`{self._path}`, line {item['start_line']}: {what}.\n\n`{item['signature']}`\n"
        )

    def _calls(self) -> Iterator[Pair]:
        known = self._neighbours.known(self._linked["calls"])
        called = [one for one in known or [] if one["kind"] == "function"]
        if 1 < len(called) <= MOST_NAMES or (known is None and 1 < len(self._linked["calls"]) <= MOST_NAMES):
            prompt = f"{self._subject}: which functions of {self._repository} does it call?\n\n"
            yield self._pair("calls", prompt, _listed(called), verified=known is not None)

    def _impact(self) -> Pair:
        known = self._neighbours.known(self._linked["callers"])
        direct = known or []
        beyond = {one for caller in direct for one in caller["callers"]} - set(self._linked["callers"])
        steps = [
            f"1. Its signature is `{self._item['signature']}` (`{self._path}`, line {self._item['start_line']}).",
            f"2. Called directly by {_functions(len(direct))}:",
            _listed(direct, indent="   ").rstrip(),
        ]
        if beyond:
            steps.append(f"3. Those are called by {_functions(len(beyond))} in turn, whose code need not change.")
        prompt = f"{self._subject}: its signature is to change. What has to be looked at?\n\n"
        to_test = f", {len(beyond)} to test" if beyond else ""
        answer = "\n".join([*steps, "", f"So: {len(direct)} to edit{to_test}.\n"])
        return self._pair("impact", prompt, answer, verified=known is not None)

    def _ways(self) -> Iterator[Pair]:
        """How a call comes to what is two calls away: the first such way that no direct call can shorten.

        Where its own body says that name, it may be a call that the links could not tell.
        """
        own = set(self._linked["calls"]) | {self._linked["id"]}
        words = frozenset(_WORD.findall(self._file.code(self._item["body"], self._item["end"])))
        language = self._file.about["language"]
        for between in self._neighbours.known(self._linked["calls"]) or []:
            far = (one for one in between["calls"] if one not in own and not is_constructor(one, language))
            further = next((one for one in far if name_of(one) not in words), None)
            if further and between["kind"] == "function":
                yield self._way(between, further)
                return

    def _way(self, between: GraphItem, further: str) -> Pair:
        prompt = f"{self._subject}: how does a call of it come to `{further}`?\n\n"
        here = f"`{self._path}`, line {self._item['start_line']}"
        answer = (
            f"1. {self._subject} ({here}) does not call `{further}` itself; it calls `{between['id']}`.\n"
            f"2. `{between['id']}` (`{between['path']}`, line {between['start_line']}) calls `{further}`.\n\n"
            f"So: {self._subject} → `{between['id']}` → `{further}`.\n"
        )
        return self._pair("way", prompt, answer)

    def _pair(
        self, kind: str, prompt: str, answer: str, *, code: tuple[int, int] = (0, 0), verified: bool = True
    ) -> Pair:
        start, end = self._item["start"], self._item["end"]
        return Pair(
            kind=kind,
            name=self._linked["id"],
            prompt=prompt,
            answer=answer,
            origins=[self._file.origin(start, end)],
            code=code,
            novel=self._file.novel(start, end) if code != (0, 0) else [],
            verified=verified,
        )


def _fenced(code: str, file: CodeFile) -> str:
    """Code in a fence that it cannot end."""
    fence = "```"
    while fence in code:
        fence += "`"
    return f"{fence}{file.about['language']}\n{code.rstrip()}\n{fence}"


def _listed(items: list[GraphItem], indent: str = "") -> str:
    return "".join(f"{indent}- `{one['id']}` (`{one['path']}`, line {one['start_line']})\n" for one in items)


def _functions(number: int) -> str:
    return f"{number} function{'' if number == 1 else 's'}"
