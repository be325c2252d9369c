"""Draw calls of a Rust workspace for labelling by hand, at random with a fixed seed.

    python bench/draw_calls.py uv --seed 5 --free 5 --path 5 --self 5 --method 45 > tests/data/uv_calls.json

Drawn are calls whose name some function of the workspace has: all others can neither be found nor be mistaken. What the
resolver says of them is not asked. Each label's `callee` is null until it has been read in the source: the lines of
the functions that it may mean (see `call_resolution.py`), or none where its callee is no function of the workspace.
"""

import argparse
import json
import random
import subprocess
from pathlib import Path

from call_resolution import HOWS, rust_files

from repoloom_stages.index_code import facts_of

Drawn = tuple[str, int, str, str]
"""Path, line, how, name."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    for how in HOWS:
        parser.add_argument(f"--{how}", type=int, default=0, help=f"how many calls of the kind {how}")
    options = vars(parser.parse_args())
    calls = known_calls(options["checkout"])
    chance = random.Random(options["seed"])
    drawn = [one for how in HOWS for one in sorted(chance.sample(calls[how], options[how]))]
    print(f'{{"repository": "{said(options["checkout"], "remote", "get-url", "origin")}", ', end="")
    print(f'"commit": "{said(options["checkout"], "rev-parse", "HEAD")}", "calls": [')
    print(",\n".join(json.dumps(label(*one)) for one in drawn))
    print("]}")


def known_calls(root: Path) -> dict[str, list[Drawn]]:
    """Calls by their kind, in order, whose name some function of the workspace has."""
    files = [(path, facts_of("rust", text)) for path, text in rust_files(root)]
    functions = {
        item["name"].rpartition("::")[2] for _, file in files for item in file["items"] if item["kind"] == "function"
    }
    found: dict[str, list[Drawn]] = {how: [] for how in HOWS}
    for path, file in files:
        for _, line, how, written, _ in file["calls"]:
            name = written.rpartition("::")[2]
            if how in found and name in functions:
                found[how].append((path, line, how, name))
    return found


def label(path: str, line: int, how: str, name: str) -> dict[str, object]:
    return {"path": path, "line": line, "how": how, "name": name, "callee": None}


def said(checkout: Path, *command: str) -> str:
    return subprocess.run(["git", "-C", checkout, *command], check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
