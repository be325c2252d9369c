"""Local names of a Rust file by the item and line where they hold."""

from collections.abc import Sequence
from itertools import takewhile

from repoloom_stages.facts import Binding

END = "}"
"""How a binding's text begins that ends those of its name from a line on."""


class Scopes:
    """The bindings of one file."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        self._bound: dict[tuple[int, str], list[tuple[int, str]]] = {}
        for item, line, name, text in bindings:
            self._bound.setdefault((item, name), []).append((line, text))

    def bound(self, item: int, name: str, line: int) -> tuple[int, str] | None:
        """From which line on a name is bound there, and to what; None where it is no variable.

        What it is bound to is empty where that is unsure: two closures on one line may have a parameter of one name.
        """
        opened: list[tuple[int, str]] = []
        for since, text in takewhile(lambda one: one[0] <= line, self._bound.get((item, name), ())):
            if not text.startswith(END):
                opened.append((since, text))
                continue
            first = int(text[len(END) :])
            while opened and opened[-1][0] >= first:
                opened.pop()
        if not opened:
            return None
        here = {text for since, text in opened if since == line}
        return (line, "") if len(here) > 1 else opened[-1]
