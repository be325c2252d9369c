"""Stage `code-groups`: the recipe `codeGroups` on a whole source, samples of code that belongs together.

Two passes: every file is put into a scratch file and what is known of it is gathered; then each block forms its groups,
`group_pieces` fits them into the window, and `group_texts` writes them in order of their first file. In memory is what
is known of the files and of what defines something, never their texts; items that are related, and the groups, wait in
scratch files too.

Files held out by time are in no group. Where files are held out by file, a group's files are all of one side. A group
is complete if all that it shows is whole, though its folder or crate took several.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repoloom_api.catalogue import CodeGroupsParams
from repoloom_stages.record_files import FILES, read_records, read_sides, write_samples
from repoloom_stages.records import TRAIN, Record
from repoloom_stages.runtime.scratch import Scratch
from repoloom_stages.runtime.stage import Inputs, Outputs
from repoloom_stages.sampling.code_file import EMPTY, CodeFile
from repoloom_stages.sampling.group_pieces import Packer
from repoloom_stages.sampling.group_texts import Group, GroupTexts, Piece
from repoloom_stages.sampling.keep import Kept
from repoloom_stages.sampling.packing import Sized, fold
from repoloom_stages.sampling.related_code import (
    LEAST_IMPLEMENTATIONS,
    CrossCrateUses,
    Implementations,
    Related,
    in_source_order,
)
from repoloom_stages.sampling.whole_source import count_source_files, source_files
from repoloom_stages.tokens import TokenCounter

HELD_OUT, CRATE_TOO_LARGE = "held-out", "crate-too-large"
"""Why something is in no group: the file is held out by time; the crate has more bytes than the recipe takes."""

LARGE_FILES, SMALL_FILES, MODULES, CRATES = "largeFiles", "smallFiles", "modules", "crates"
IMPL_COLLECTIONS, TRAIT_ECOSYSTEMS, CROSS_CRATE = "implCollections", "traitEcosystems", "crossCrate"

LEAST_OTHERS = {IMPL_COLLECTIONS: LEAST_IMPLEMENTATIONS, TRAIT_ECOSYSTEMS: 1, CROSS_CRATE: 1}
"""How many pieces must stand beside the one that a group is about."""


def run(params: CodeGroupsParams, inputs: Inputs, outputs: Outputs) -> None:
    """Make the groups of a source; roles as the plan has them, `index` and `places` in the order of the shards' names.

    `records/records.jsonl.zst` and `ids/ids.jsonl.zst` are sorted by the path and place of what each group shows first.
    Counted are groups, and as one each the files that `keep` or time leaves out.
    """
    counter = TokenCounter.load(inputs.one("tokenizer"))
    with Scratch() as scratch, Scratch() as related, Scratch() as used, Scratch() as made:
        texts = GroupTexts(params, counter, scratch)
        packer = Packer(texts, outputs)
        source = _Source.read(texts, packer, inputs, outputs, Implementations(related), CrossCrateUses(used))
        places = [(*source.place(one), made.put(one.document())) for one in _groups(source, packer, inputs)]
        groups = (Group.read(made.get(number)) for *_, number in sorted(places))
        write_samples(outputs.folder, _records(groups, texts, outputs))


def _records(groups: Iterator[Group], texts: GroupTexts, outputs: Outputs) -> Iterator[Record]:
    for group in groups:
        outputs.take()
        outputs.keep()
        yield texts.record(group)


@dataclass(frozen=True, slots=True)
class _File:
    """What is known of a file in memory."""

    path: str
    side: str
    crate: str
    piece: Sized[Piece]
    order: int
    """Its place in dependency order."""

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


@dataclass
class _Source:
    """All files that may be in groups."""

    params: CodeGroupsParams
    implementations: Implementations
    uses: CrossCrateUses
    files: list[_File] = field(default_factory=list)
    """By their numbers in the scratch file."""

    @classmethod
    def read(
        cls,
        texts: GroupTexts,
        packer: Packer,
        inputs: Inputs,
        outputs: Outputs,
        implementations: Implementations,
        uses: CrossCrateUses,
    ) -> "_Source":
        """Read the files once, into the scratch file."""
        source = cls(texts.params, implementations, uses)
        sides = read_sides(inputs.many("sides"))
        graph = read_records(inputs.one("graph") / FILES)
        order = {one["path"]: number for number, one in enumerate(graph)}
        kept, total = Kept(texts.params.keep), count_source_files(inputs)
        for number, file in enumerate(source_files(inputs), start=1):
            about = file.about
            if reason := _reason_against(file, kept):
                packer.drop(reason)
            else:
                side = about["split"] or sides[about["repo"], about["path"]]
                source._take(file, side, order.get(about["path"], len(order)), texts, packer)
            # What comes after the last file takes about as long as reading them all.
            outputs.progress(number, 2 * total)
        return source

    def _take(self, file: CodeFile, side: str, order: int, texts: GroupTexts, packer: Packer) -> None:
        """Put a file into the scratch file, and gather what the blocks need of it."""
        number, groups = texts.keep(file), self.params.groups
        size = len(file.source)
        piece = packer.sized(Piece(number, 0, size, size))
        self.files.append(_File(file.about["path"], side, file.place["crate"], piece, order))
        if groups.impl_collections or groups.trait_ecosystems:
            self.implementations.see(number, file)
        if groups.cross_crate:
            self.uses.see(number, file)

    def is_large(self, file: _File) -> bool:
        """Whether a file is one of the large ones: by its bytes, and filling the window by itself."""
        block = self.params.groups.large_files
        large = block is not None and file.piece.piece.bytes >= block.min_bytes
        return large and (bool(block and block.min_bytes) or not self.is_short(file))

    def is_small(self, file: _File) -> bool:
        """Whether a file does not fill the window, and is none of the large ones."""
        return self.is_short(file) and not self.is_large(file)

    def is_short(self, file: _File) -> bool:
        """Whether a file has too few tokens for a sample."""
        return file.piece.tokens < self.params.min_tokens

    def place(self, group: Group) -> tuple[str, int, int, str, str]:
        """Order of groups: by what they show first."""
        first = group.pieces[0]
        return self.files[first.file].path, first.start, -first.end, group.block, group.name

    def by_side(self) -> Iterator[list[_File]]:
        """The files of each side, by path."""
        sides: defaultdict[str, list[_File]] = defaultdict(list)
        for file in sorted(self.files, key=lambda one: one.path):
            sides[file.side].append(file)
        yield from sides.values()

    def others(self, related: Related) -> list[Piece]:
        """What goes into a group with an item: of files of its side, in source order, each stretch once."""
        side, anchor = self.files[related.anchor.file].side, related.anchor
        alike = (one for one in related.others if self.files[one.file].side == side)
        apart = (one for one in alike if one.file != anchor.file or one.end <= anchor.start or anchor.end <= one.start)
        return in_source_order(apart, lambda number: self.files[number].path)


def _reason_against(file: CodeFile, kept: Kept) -> str | None:
    """Why a file is in no group, or None."""
    if file.about["split"] not in ("", TRAIN):
        return HELD_OUT
    if reason := kept.reason_against(file.about["path"], file.about["bytes"]):
        return reason
    return None if file.about["text"].strip() else EMPTY


def _groups(source: _Source, packer: Packer, inputs: Inputs) -> Iterator[Group]:
    """The groups of every block that the recipe has."""
    groups = source.params.groups
    crates = _crate_folders(source, packer, inputs.one("graph")) if groups.crates else {}
    for files in source.by_side():
        if groups.large_files:
            for file in filter(source.is_large, files):
                yield from packer.alone(LARGE_FILES, file.path, file.piece)
        if groups.small_files:
            yield from _folders(SMALL_FILES, filter(source.is_small, files), packer, source.params.min_tokens)
        if groups.modules:
            yield from _folders(MODULES, files, packer, source.params.min_tokens)
        if groups.crates:
            yield from _crates(files, crates, packer, source.params.min_tokens)
    if groups.impl_collections:
        yield from _related(IMPL_COLLECTIONS, source.implementations.collections(), source, packer)
    if groups.trait_ecosystems:
        yield from _related(TRAIT_ECOSYSTEMS, source.implementations.ecosystems(), source, packer)
    if groups.cross_crate:
        yield from _related(CROSS_CRATE, source.uses.uses(inputs.one("graph")), source, packer)


def _folders(block: str, files: Iterable[_File], packer: Packer, least: int) -> Iterator[Group]:
    """The files of each folder, with those of the folders below it that are too few."""
    folders: defaultdict[str, list[_File]] = defaultdict(list)
    for file in files:
        folders[file.folder].append(file)
    for folder, held in fold(folders, _tokens, least):
        yield from packer.packed(block, folder or ".", _pieces(held))


def _crates(files: Iterable[_File], taken: Mapping[str, str], packer: Packer, least: int) -> Iterator[Group]:
    """The files of each crate, with those of the crates below its folder that are too small; `taken` are by name."""
    folders: defaultdict[str, list[_File]] = defaultdict(list)
    for file in files:
        if file.crate in taken:
            folders[taken[file.crate]].append(file)
    for _, held in fold(folders, _tokens, least):
        names = ", ".join(sorted({file.crate for file in held}))
        yield from packer.packed(CRATES, names, _pieces(held))


def _crate_folders(source: _Source, packer: Packer, graph: Path) -> dict[str, str]:
    """Where the crates lie that the recipe takes; those that are too large are counted."""
    block, sizes = source.params.groups.crates, Counter[str]()
    for file in source.files:
        sizes[file.crate] += file.piece.piece.bytes
    folders = {crate["name"]: crate["folder"] for crate in json.loads((graph / "crates.json").read_bytes())}
    taken = {}
    for crate in filter(None, sizes):
        if block and sizes[crate] > block.max_bytes:
            packer.drop(CRATE_TOO_LARGE)
        else:
            taken[crate] = folders.get(crate, "")
    return taken


def _tokens(file: _File) -> int:
    return file.piece.tokens


def _pieces(files: Iterable[_File]) -> list[Sized[Piece]]:
    """Files in dependency order."""
    return [file.piece for file in sorted(files, key=lambda one: (one.order, one.path))]


def _related(block: str, found: Iterable[Related], source: _Source, packer: Packer) -> Iterator[Group]:
    for related in found:
        others = source.others(related)
        if len(others) >= LEAST_OTHERS[block]:
            pieces = [packer.sized(piece) for piece in others]
            yield from packer.around(block, related.name, packer.sized(related.anchor), pieces)
