"""Which lines of held-out files are novel, and which commit brought each, for `snapshot`.

A line is novel if the training side has it nowhere, so that no score is for recall of what was trained on. Lines are
compared without the white space around them. Memory follows the held-out files' lines: training files pass through.
Which samples show them is `novelty`'s to say.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from repoloom_stages.origins.git_mirror import Change
from repoloom_stages.origins.lines import says_something
from repoloom_stages.records import Novel

Brought = dict[str, str]
"""Novel lines of a file, without the white space around them, each with the commit that brought it."""


def novel_lines(held_out: Iterable[tuple[str, str]], training: Iterable[str]) -> dict[str, set[str]]:
    """Novel lines by path, of held-out files given as (path, text). A line that several of them have is the first's."""
    owners: dict[str, str] = {}
    for path, text in held_out:
        for line in map(str.strip, text.split("\n")):
            if says_something(line):
                owners.setdefault(line, path)
    for text in training:
        for line in text.split("\n"):
            owners.pop(line.strip(), None)
    result: dict[str, set[str]] = {}
    for line, path in owners.items():
        result.setdefault(path, set()).add(line)
    return result


def who_brought(lines: set[str], changes: Sequence[Change], read: Callable[[str], str]) -> Brought:
    """For each line of a file the commit since which the file has always had it.

    `changes` are the commits that changed the file, newest first; `read` gives the text of a version by its name.
    Whole versions are compared: a patch would depend on how git's diff pairs lines up, and on attributes.
    """
    brought: Brought = {}
    left = lines
    for change in changes:
        if not left:
            break
        before = set(map(str.strip, read(change.old).split("\n"))) if change.old else set()
        brought |= dict.fromkeys(left - before, change.commit)
        left = left & before
    # The file had these at the training commit but was left out there, for its size perhaps.
    return brought | dict.fromkeys(left, changes[0].commit)


def ranges(text: str, brought: Mapping[str, str]) -> list[Novel]:
    """The novel lines of a text, neighbours from one commit together. Only a newline ends a line, as in git."""
    result: list[Novel] = []
    for number, line in enumerate(text.split("\n"), start=1):
        commit = brought.get(line.strip())
        if commit is None:
            continue
        if result and result[-1]["end"] == number - 1 and result[-1]["group"] == commit:
            result[-1]["end"] = number
        else:
            result.append(Novel(start=number, end=number, group=commit))
    return result
