"""Git histories to build datasets from: made of sentences of our own, or of the source of packages installed here."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

from support.repositories import Repository

START = datetime(2024, 1, 1, 12, tzinfo=UTC)

VERBS = ("read", "write", "check", "merge", "count", "find", "drop", "sort", "pack", "trace")
NOUNS = ("ledger", "voucher", "courier", "parcel", "invoice", "tariff", "depot", "manifest", "receipt", "route")


def python_module(rng: random.Random, functions: int = 5) -> str:
    """A module of small functions, no two alike."""
    parts = [f'"""Handles {rng.choice(NOUNS)}s, batch {rng.randrange(10**6)}."""\n']
    for _ in range(functions):
        verb, noun, number = rng.choice(VERBS), rng.choice(NOUNS), rng.randrange(10**6)
        parts.append(
            f"def {verb}_{noun}_{number}({noun}s, limit={number}):\n"
            f'    """{verb.title()} every {noun} below {number}."""\n'
            f"    total = sum({noun}.weight for {noun} in {noun}s if {noun}.weight < limit)\n"
            f"    return total * {number % 97} + len({noun}s)\n"
        )
    return "\n\n".join(parts)


def rust_module(rng: random.Random, items: int = 4) -> str:
    """A Rust file of structs with an implementation each."""
    parts = []
    for _ in range(items):
        noun, number = rng.choice(NOUNS), rng.randrange(10**6)
        name = f"{noun.title()}{number}"
        parts.append(
            f"/// One {noun}, numbered {number}.\n#[derive(Debug, Clone)]\n"
            f"pub struct {name} {{\n    pub weight: u64,\n}}\n\n"
            f"impl {name} {{\n    pub fn heavier_than_{number}(&self, other: &Self) -> bool {{\n"
            f"        self.weight + {number % 89} > other.weight\n    }}\n}}\n"
        )
    return "\n".join(parts)


def written_history(root: Path, *, commits: int = 120, seed: int = 0, days: float = 1.0) -> Repository:
    """Half of the files at first, then one new or changed file a commit, each some days after the one before."""
    rng = random.Random(seed)
    repository = Repository(root)
    files = {f"pkg/module_{number:03d}.py": python_module(rng) for number in range(commits // 2)}
    files |= {f"crate/src/part_{number:03d}.rs": rust_module(rng) for number in range(commits // 4)}
    repository.commit(files, message="start", when=START)
    for number in range(1, commits):
        when = START + timedelta(days=number * days)
        if number % 3:
            path = f"pkg/later_{number:03d}.py"
            files[path] = python_module(rng)
        else:
            path = rng.choice(sorted(files))
            files[path] += "\n\n" + (python_module(rng, 1) if path.endswith(".py") else rust_module(rng, 1))
        repository.commit({path: files[path]}, message=f"change {number}", when=when)
    return repository


def package_history(root: Path, package: str, *, commits: int = 80) -> Repository:
    """The source of an installed package, written file by file: most of it at first, the rest a file a day."""
    spec = find_spec(package)
    assert spec is not None, package
    assert spec.submodule_search_locations, package
    folder = Path(spec.submodule_search_locations[0])
    texts = {
        path.relative_to(folder.parent).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*.py"))
        if 400 < path.stat().st_size < 60_000
    }
    names = sorted(texts)
    random.Random(package).shuffle(names)
    later = min(commits - 1, len(names) * 2 // 5)
    repository = Repository(root)
    repository.commit({name: texts[name] for name in names[later:]}, message="start", when=START)
    for number, name in enumerate(names[:later], 1):
        repository.commit({name: texts[name]}, message=f"add {name}", when=START + timedelta(days=2 * number))
    return repository


def copy_of(repository: Repository, folder: Path) -> Repository:
    """The same repository elsewhere, to grow without changing the first."""
    shutil.copytree(repository.folder, folder)
    copy = Repository(folder)
    copy.head = repository.head
    return copy


def text_at(repository: Repository, commit: str, path: str) -> str:
    """A file as it was at a commit."""
    return repository.git("cat-file", "blob", f"{commit}:{path}")
