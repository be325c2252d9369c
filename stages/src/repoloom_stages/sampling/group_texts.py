"""The text of a group: pieces of files one after another, each under a header of its own; and its record.

Files come back from a scratch file one at a time. Which pieces belong together, `code_groups` says; how long ones are
cut, `group_pieces`.
"""

import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from repoloom_api.catalogue import CodeGroupsParams
from repoloom_api.v1alpha1.recipes import HeaderField, Shape
from repoloom_stages.links import PlacedFile
from repoloom_stages.records import PLAIN, Origin, Record, sample_id
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.headers import Frame, file_facts, frame_of, size
from repoloom_stages.sampling.tagging import tag_code
from repoloom_stages.tokens import TokenCounter

KIND = "code-group"

MAX_NAME_CHARACTERS = 200

FILE_BYTES_KEPT = 8_000_000
"""Of the files that were looked at last; in memory they take three times as much."""


class Piece(NamedTuple):
    """A stretch of a file under a header of its own. Offsets are bytes."""

    file: int
    """Number of the file in the scratch file."""
    start: int
    end: int
    bytes: int
    """Of the whole file or item that it is of."""
    kind: str = "file"
    name: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing is cut off."""
        return self.end - self.start == self.bytes


class Group(NamedTuple):
    """Pieces that are a sample together."""

    block: str
    """Which block of the recipe asks for it."""
    name: str
    pieces: tuple[Piece, ...]
    tokens: int

    def document(self) -> list[Any]:
        """As JSON can hold it."""
        return [self.block, self.name, [[*piece] for piece in self.pieces], self.tokens]

    @classmethod
    def read(cls, document: list[Any]) -> "Group":
        """One of which this is the document."""
        block, name, pieces, tokens = document
        return cls(block, name, tuple(Piece(*one) for one in pieces), tokens)


class _Shown(NamedTuple):
    """A piece as a text shows it."""

    frame: Frame
    code: str
    origin: Origin
    place: PlacedFile
    language: str
    parsed: bool


class _LastFiles:
    """Files that were looked at last, by number: pieces of a group, and what calls an item, lie in few files."""

    def __init__(self) -> None:
        self._files: OrderedDict[int, CodeFile] = OrderedDict()
        self._bytes = 0
        self._last = -1

    def get(self, number: int, read: Callable[[int], CodeFile]) -> CodeFile:
        """A file, read if it is not kept. Its tree, which takes ten times as much, goes when another is asked for."""
        if self._last in self._files and self._last != number:
            vars(self._files[self._last]).pop("syntax", None)
        self._last = number
        if number not in self._files:
            self._files[number] = read(number)
            self._bytes += self._files[number].about["bytes"]
        self._files.move_to_end(number)
        while self._bytes > FILE_BYTES_KEPT and len(self._files) > 1:
            self._bytes -= self._files.popitem(last=False)[1].about["bytes"]
        return self._files[number]


class GroupTexts:
    """Texts of pieces and groups of one source's files."""

    def __init__(self, params: CodeGroupsParams, counter: TokenCounter, scratch: Scratch) -> None:
        self.params = params
        self.counter = counter
        self._scratch = scratch
        self._files = _LastFiles()

    def keep(self, file: CodeFile) -> int:
        """Put a file into the scratch file; returns its number."""
        facts = {**file.facts, "items": [], "imports": [], "calls": [], "bindings": []}
        return self._scratch.put([file.about, facts, file.place])

    def file(self, number: int) -> CodeFile:
        """A file by its number, without items, imports and calls."""
        return self._files.get(number, lambda number: CodeFile(*self._scratch.get(number)))

    def frame(self, piece: Piece) -> Frame:
        """What stands around a piece."""
        file = self.file(piece.file)
        language = file.about["language"]
        facts = {
            **file_facts(file.place, language),
            HeaderField.KIND: piece.kind,
            HeaderField.NAME: piece.name,
            HeaderField.BYTES: size(piece.bytes),
        }
        return frame_of(self.params.groups.header, facts, language)

    def tokens(self, pieces: Sequence[Piece]) -> int:
        """Tokens of the text that shows these pieces, as the outputs write it."""
        codes = [(self.frame(piece), self.file(piece.file).code(piece.start, piece.end)) for piece in pieces]
        return self.count(_joined(frame.around(code) for frame, code in codes))

    def count(self, text: str) -> int:
        """Tokens of a text as the outputs write it."""
        (number,) = self.counter.count([tag_code(text) if self.params.tagged else text])
        return number

    def record(self, group: Group) -> Record:
        """The sample of a group. Its code is all between the first header and the end of the last piece."""
        first = self.file(group.pieces[0].file).about
        shown = [self._shown(piece) for piece in group.pieces]
        text = _joined(one.frame.around(one.code) for one in shown)
        after = len(shown[-1].frame.around(shown[-1].code)) - len(shown[-1].frame.before) - len(shown[-1].code)
        return Record(
            id=sample_id(self.params.recipe, first["repo"], first["path"], shown[0].origin["start"], text),
            kind=KIND,
            shape=Shape.TEXT.value,
            view=PLAIN,
            recipe=self.params.recipe,
            granularity=group.block,
            name=group.name[:MAX_NAME_CHARACTERS],
            crate=_only(one.place["crate"] for one in shown),
            module=_common_module([one.place["module"] for one in shown]),
            repo=first["repo"],
            commit=first["commit"],
            committed_at=first["committed_at"],
            split=first["split"],
            lang=_main_language(shown),
            license=None,
            source=[one.origin for one in shown],
            text=text,
            prompt_end=0,
            rejected="",
            controls=[],
            code_start=len(shown[0].frame.before),
            code_end=len(text) - after,
            novel=[],
            tokens=group.tokens,
            complete=all(piece.whole for piece in group.pieces),
            parsed=all(one.parsed for one in shown),
        )

    def _shown(self, piece: Piece) -> _Shown:
        file = self.file(piece.file)
        code, origin = file.code(piece.start, piece.end), file.origin(piece.start, piece.end)
        return _Shown(self.frame(piece), code, origin, file.place, file.about["language"], file.facts["parsed"])


def _joined(texts: Iterable[str]) -> str:
    """Texts with an empty line between each and the next."""
    parts: list[str] = []
    for text in texts:
        if parts:
            parts.append("\n" if parts[-1].endswith("\n") else "\n\n")
        parts.append(text)
    return "".join(parts)


def _only(values: Iterable[str]) -> str:
    """The one value there is, or nothing."""
    (first, *others) = dict.fromkeys(values)
    return "" if others else first


def _main_language(shown: Sequence[_Shown]) -> str:
    """The language of most of the code; of equal ones, the first."""
    sizes: Counter[str] = Counter()
    for one in shown:
        sizes[one.language] += len(one.code)
    return sizes.most_common(1)[0][0]


def _common_module(modules: Sequence[str]) -> str:
    """The module that holds all of these, or nothing."""
    paths = [re.split(r"(::|\.|/)", module) for module in modules]
    common = 0
    for parts in zip(*paths, strict=False):
        if len(set(parts)) > 1:
            break
        common += 1
    # Names stand at even places, what joins them at odd ones.
    return "".join(paths[0][: common - 1 if common % 2 == 0 and common else common])
