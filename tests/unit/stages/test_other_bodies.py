"""Which bodies can stand in place of a function's: as looking through all of a file's functions would find."""

import random
import re
from collections.abc import Iterator

from repoloom_stages.facts import Item
from repoloom_stages.sampling.code_file import CodeFile
from repoloom_stages.sampling.neighbourhood import parameters_of
from repoloom_stages.sampling.other_bodies import OtherBodies
from support.limits import cpu_seconds
from support.whole_sources import Code, item


def file_of(text: str) -> CodeFile:
    """A file of functions, one a line; a line with a deeper indentation stands in what is above it."""
    code = Code("a.rs", text, items=list(functions(text)))
    return CodeFile(code.file, code.indexed, code.placed, code.linked)


def functions(text: str) -> Iterator[Item]:
    blank = item(" ", "function", "", " ")
    place, lines = 0, text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        depth = len(line) - len(line.lstrip())
        held = 0
        while number + held + 1 < len(lines) and lines[number + held + 1].startswith(" " * (depth + 1)):
            held += 1
        end = place + sum(map(len, lines[number : number + held + 1]))
        signature, body = line.strip().partition("{")[0], place + line.index("{")
        yield Item(**{**blank, "start": place, "end": end, "body": body, "signature": signature})
        place += len(line)


def found_by_looking(file: CodeFile, function: Item) -> list[Item]:
    """Every other that stands as deep, takes other arguments, does something, and neither holds it nor is held."""

    def indentation(one: Item) -> str:
        return re.match(r"\s*", file.code(one["start"], one["end"]))[0]  # type: ignore[index]

    return [
        one
        for one in file.facts["items"]
        if not (function["start"] <= one["start"] < function["end"] or one["start"] <= function["start"] < one["end"])
        and parameters_of(one["signature"]) != parameters_of(function["signature"])
        and indentation(one) == indentation(function)
        and file.code(one["body"], one["end"]).strip(" \n{}")
    ]


def test_every_number_chooses_what_looking_through_all_would() -> None:
    drawn = random.Random(5)
    for _ in range(60):
        depth, lines = 0, []
        for number in range(drawn.randint(1, 25)):
            parameters, body = drawn.choice("abc"), drawn.choice(["", f" {number} "])
            lines.append(f"{' ' * depth}fn f({parameters}) {{{body}}}\n")
            depth = max(0, depth + drawn.choice([-2, -1, 0, 0, 1]))
        file = file_of("".join(lines))
        bodies = OtherBodies(file)
        for position, function in enumerate(file.facts["items"]):
            others = found_by_looking(file, function)
            for number in (0, 1, 7, 2**48 - 1):
                wanted = others[number % len(others)] if others else None
                assert bodies.choose(position, number) == wanted


def test_ten_thousand_functions_are_chosen_among_in_bounded_time() -> None:
    file = file_of("".join(f"fn f{number}(a: u{number % 3}) {{ {number} }}\n" for number in range(10_000)))
    with cpu_seconds(3):
        bodies = OtherBodies(file)
        chosen = [bodies.choose(position, position) for position in range(10_000)]
    assert None not in chosen
