"""Someone who uses a store at random and remembers what each object may hold, when writes may fail half-way."""

import random
from collections.abc import Callable
from pathlib import Path

from repoloom_stages.errors import TryAgain
from repoloom_stages.runtime.store import Store
from support.store_writers import content

NAMES = 6


class User:
    """Works below a prefix that is its own. Everything it does follows from the seed and what the store answers."""

    def __init__(self, store: Store, file: Path, prefix: str, seed: int) -> None:
        self.prefix = prefix
        self.done = 0
        self.given_up = 0
        self._store = store
        self._file = file
        self._chance = random.Random(f"{seed} {prefix}")
        self._held: dict[str, set[bytes | None]] = {f"{prefix}/{number}": {None} for number in range(NAMES)}
        """What each object may hold; more than one thing after a write that was given up."""

    def work(self, operations: int) -> None:
        actions = (self._put, self._put_file, self._put_if_absent, self._get, self._get_file, self._exists)
        for number in range(operations):
            name = self._chance.choice(sorted(self._held))
            data = content(f"{name} {number}", self._chance.choice((0, 10, 50_000)))
            action = self._chance.choice((*actions, self._copy, self._list, self._delete))
            try:
                action(name, data)
                self.done += 1
            except TryAgain:
                self.given_up += 1

    def wrong(self, store: Store) -> list[str]:
        """Names of objects that hold in a store what they cannot."""
        return [name for name, held in self._held.items() if store.get(name) not in held]

    def _becoming(self, name: str, after: set[bytes | None], write: Callable[[], bool | None]) -> bool | None:
        """Do a write; if it is given up, the object may hold what it did before or what it would after."""
        before = self._held[name]
        self._held[name] = before | after
        written = write()
        self._held[name] = after
        return written

    def _learn(self, name: str, found: set[bytes | None]) -> None:
        assert found & self._held[name], f"{name} holds what was never written to it"
        self._held[name] &= found

    def _put(self, name: str, data: bytes) -> None:
        self._becoming(name, {data}, lambda: self._store.put(name, data))

    def _put_file(self, name: str, data: bytes) -> None:
        self._file.write_bytes(data)
        self._becoming(name, {data}, lambda: self._store.put_file(name, self._file))

    def _delete(self, name: str, _: bytes) -> None:
        self._becoming(name, {None}, lambda: self._store.delete(name))

    def _put_if_absent(self, name: str, data: bytes) -> None:
        before = self._held[name]
        if self._becoming(name, {data}, lambda: self._store.put_if_absent(name, data)):
            assert None in before, f"{name} was replaced"
        else:
            self._held[name] = before - {None}
            assert self._held[name], f"{name} was absent and is not written"

    def _copy(self, name: str, _: bytes) -> None:
        source = self._chance.choice(sorted(set(self._held) - {name}))
        if self._held[source] == {None}:
            return
        copied = self._held[source] - {None}
        self._becoming(name, copied, lambda: self._store.copy(source, name))

    def _get(self, name: str, _: bytes) -> None:
        self._learn(name, {self._store.get(name)})

    def _get_file(self, name: str, _: bytes) -> None:
        self._learn(name, {self._file.read_bytes() if self._store.get_file(name, self._file) else None})

    def _exists(self, name: str, _: bytes) -> None:
        self._learn_presence(name, present=self._store.exists(name))

    def _list(self, _: str, __: bytes) -> None:
        listed = {one.name for one in self._store.list(f"{self.prefix}/")}
        for name in self._held:
            self._learn_presence(name, present=name in listed)

    def _learn_presence(self, name: str, *, present: bool) -> None:
        self._learn(name, self._held[name] - {None} if present else {None})
