"""What `code-groups` makes of a repository: coverage, duplication and order of files by block, seconds and memory.

    python bench/code_groups.py [REPOSITORY] [--megabytes 200] [--min-tokens 2048] [--max-tokens 16384] [--patterns]

REPOSITORY is a git repository, bare or not; its HEAD is read, indexed and linked first. Without one, a Rust workspace
of so many megabytes is made up. With `--patterns` the patterns of `examples/code-patterns.yaml` are run too. Every
stage runs in a process of its own, whose highest resident set is its memory.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from types import ModuleType, SimpleNamespace

import yaml

from repoloom_api.artifacts import canonical_json
from repoloom_api.base import Model
from repoloom_api.catalogue import (
    CodeGroupsParams,
    CodePatternsParams,
    HoldOutParams,
    IndexCodeParams,
    LinkCodeParams,
    SnapshotParams,
)
from repoloom_api.runs import GitPin, Pin, SplitMode
from repoloom_api.v1alpha1.recipes import CodeGroups, CodePatterns, Keep
from repoloom_stages import code_groups, code_patterns, hold_out, index_code, link_code, snapshot
from repoloom_stages.record_files import FILES, read_records
from repoloom_stages.runtime.stage import Inputs, Outputs

URL = "https://example.com/owner/repository"
EXAMPLE = Path(__file__).parents[1] / "examples" / "code-patterns.yaml"
APART = ("largeFiles+smallFiles", "modules", "crates")
"""What shows every file once."""
IN_ORDER = ("modules", "crates")
"""What shows files in dependency order."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path, nargs="?")
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--min-tokens", type=int, default=2048)
    parser.add_argument("--max-tokens", type=int, default=16_384)
    parser.add_argument("--patterns", action="store_true")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="repoloom-bench-") as name:
        folder = Path(name)
        repository = options.repository or made_up(folder / "repository", options.megabytes)
        inputs = read_source(repository, folder)
        blocks = ("largeFiles", "smallFiles", "modules", "crates", "implCollections", "traitEcosystems", "crossCrate")
        groups = CodeGroupsParams(
            recipe="groups",
            keep=Keep(),
            min_tokens=options.min_tokens,
            max_tokens=options.max_tokens,
            tagged=False,
            groups=CodeGroups.model_validate({name: {} for name in blocks}),
        )
        report_groups(measured(code_groups, groups, inputs, folder / "groups"), inputs)
        if options.patterns:
            recipe = yaml.safe_load(EXAMPLE.read_text())["spec"]["recipes"][0]["codePatterns"]
            patterns = CodePatternsParams(
                recipe="patterns",
                keep=Keep(),
                min_tokens=0,
                max_tokens=options.max_tokens,
                tagged=False,
                patterns=CodePatterns.model_validate(recipe),
            )
            report_patterns(measured(code_patterns, patterns, inputs, folder / "patterns"))


def made_up(folder: Path, megabytes: int) -> Path:
    """A repository of generated Rust: crates of 100 files of about 20 kB, functions that call those of other files."""
    size = number = 0
    while size < megabytes * 1_000_000:
        path = folder / f"crates/c{number // 100}/src/m{number % 100 // 10}/f{number % 10}.rs"
        path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(made_up_item(number, item) for item in range(60))
        path.write_text(text)
        size, number = size + len(text), number + 1
    for crate in folder.glob("crates/*"):
        (crate / "Cargo.toml").write_text(f'[package]\nname = "{crate.name}"\nversion = "0.1.0"\n')
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.com")
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "made up"]):
        subprocess.run(["git", "-C", str(folder), *command], check=True)
    return folder


def made_up_item(file: int, item: int) -> str:
    """A type with an implementation and two functions."""
    name, other = f"{file}_{item}", f"c{(file * 7 + item) // 100}::call_{(file * 7 + item) % 1000}_{item}"
    return (
        f"/// Keeps what number {name} has seen.\n#[derive(Debug, Clone)]\npub struct Seen{name} {{ count: u64 }}\n\n"
        f"impl From<u64> for Seen{name} {{\n    fn from(count: u64) -> Self {{ Self {{ count }} }}\n}}\n\n"
        f"pub async fn call_{name}(value: u64) -> Result<u64, Error> {{\n"
        f"    let found = {other}(value + {item}).await?;\n"
        f'    tracing::info!(found, "found {name}");\n    Ok(found)\n}}\n\n'
    )


def read_source(repository: Path, folder: Path) -> Inputs:
    """Snapshot, index and links of a repository, and the shipped tokenizer, as the plan hands them on."""
    taken = take_snapshot(repository, folder)
    names = sorted(json.loads((taken / "shards.json").read_bytes()))
    manifests = (taken / "manifests",)
    for name in names:
        inputs = Inputs({"files": (taken / "shards" / name,), "manifests": manifests})
        run_apart(index_code, IndexCodeParams(), inputs, folder / "index" / name)
    whole = {
        "shards": (taken,),
        "manifests": manifests,
        **{role: tuple(folder / "index" / name / role for name in names) for role in ("index", "places")},
    }
    measured(link_code, LinkCodeParams(), Inputs(whole), folder / "linked")
    run_apart(hold_out, HoldOutParams(validation_percent=5, test_percent=10), Inputs(whole), folder / "held")
    made = {"files": taken / "shards", "links": folder / "linked" / "links", "graph": folder / "linked" / "graph"}
    made |= {"sides": folder / "held" / "sides", "tokenizer": Path(code_groups.__file__).parent / "tiny"}
    return Inputs({**whole, **{role: (path,) for role, path in made.items()}})


def take_snapshot(repository: Path, folder: Path) -> Path:
    """The files of HEAD, held out by file."""
    command = ["git", "-C", str(repository), "rev-parse", "HEAD"]
    head = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    pin = GitPin(url=URL, head=head, train=head, commits=1, mode=SplitMode.FILE, reason="a benchmark asks for it")
    (folder / "pin").mkdir()
    (folder / "pin" / "pin.json").write_bytes(canonical_json(Pin(git=pin).document()))
    params = SnapshotParams(include=(), exclude=(), max_file_bytes=1_000_000, shard_bytes=16_000_000)
    inputs = Inputs({"pin": (folder / "pin",)}, checkouts={"source/bench": repository})
    return run_apart(snapshot, params, inputs, folder / "snapshot")


def run_apart(stage: ModuleType | SimpleNamespace, params: Model, inputs: Inputs, folder: Path) -> Path:
    """Run a stage in a process of its own, so that this one stays small."""
    process = multiprocessing.get_context("fork").Process(target=stage.run, args=(params, inputs, Outputs(folder)))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)
    return folder


def measured(stage: ModuleType | SimpleNamespace, params: Model, inputs: Inputs, folder: Path) -> Path:
    """Run a stage apart, and print what it took and counted."""

    def run(*_: object) -> None:
        outputs, start = Outputs(folder), time.process_time()
        stage.run(params, inputs, outputs)
        peak, seconds = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, time.process_time() - start
        name = stage.__name__.rpartition(".")[2]
        print(
            f"{name}: {outputs.kept} kept, dropped {dict(outputs.dropped)}, {seconds:.1f} CPU s, {peak:.0f} MB",
            flush=True,
        )

    return run_apart(SimpleNamespace(run=run), params, inputs, folder)


def report_groups(folder: Path, inputs: Inputs) -> None:
    """By block: samples, share of eligible bytes shown, bytes shown over distinct bytes, fill of the window."""
    sizes, crates = {}, {}
    for place in inputs.many("places"):
        for one in read_records(place / FILES):
            sizes[one["path"]], crates[one["path"]] = one["bytes"], one["crate"]
    whole = sum(sizes.values())
    by_crate: Counter[str] = Counter()
    for path, crate in crates.items():
        by_crate[crate] += sizes[path]
    eligible = defaultdict(lambda: whole)
    eligible["crates"] = sum(size for crate, size in by_crate.items() if crate and size <= 2_000_000)
    shown: defaultdict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    tokens: defaultdict[str, list[int]] = defaultdict(list)
    for record in read_records(folder / "records" / "records.jsonl.zst"):
        block = "largeFiles+smallFiles" if record["granularity"].endswith("Files") else record["granularity"]
        tokens[block].append(record["tokens"])
        for origin in record["source"]:
            for line in range(origin["start"], origin["end"] + 1):
                shown[block][origin["path"], str(line)] += 1
    report_order(folder / "records" / "records.jsonl.zst", inputs)
    lines = line_sizes(inputs)
    for block in sorted(shown):
        once = sum(lines[line] for line in shown[block])
        all_of_it = sum(lines[line] * times for line, times in shown[block].items())
        coverage = f"coverage {100 * once / eligible[block]:.2f} %, " if block in APART else ""
        middle = sorted(tokens[block])[len(tokens[block]) // 2]
        duplication = f"duplication {all_of_it / once:.3f}"
        print(f"  {block}: {len(tokens[block])} samples, {coverage}{duplication}, median {middle} tokens")


def report_order(records: Path, inputs: Inputs) -> None:
    """In samples that are in dependency order: files that others of the sample import from, and stand before them."""
    imports = {
        one["path"]: one["imports"] for path in inputs.one("links").glob(f"*/{FILES}") for one in read_records(path)
    }
    cycles = {one["path"]: one["cycle"] for one in read_records(inputs.one("graph") / FILES)}
    before = pairs = in_cycles = 0
    for record in read_records(records):
        places = {origin["path"]: number for number, origin in enumerate(record["source"])}
        for user, place in places.items() if record["granularity"] in IN_ORDER else ():
            used = [one for one in imports[user] if one in places and one != user]
            apart = [one for one in used if not cycles[one] or cycles[one] != cycles[user]]
            before += sum(places[one] < place for one in apart)
            pairs += len(apart)
            in_cycles += len(used) - len(apart)
    print(f"  order: {before} of {pairs} imports come before their users; {in_cycles} more are in a cycle with them")


def line_sizes(inputs: Inputs) -> dict[tuple[str, str], int]:
    """Bytes of every line by path and number."""
    sizes = {}
    for path in sorted(inputs.one("files").glob(f"*/{FILES}")):
        for file in read_records(path):
            for number, line in enumerate(file["text"].split("\n"), start=1):
                sizes[file["path"], str(number)] = len(line.encode()) + 1
    return sizes


def report_patterns(folder: Path) -> None:
    """Samples by pattern and view, and the most frequent names."""
    made = Counter((one["granularity"], one["view"]) for one in read_records(folder / "records" / "records.jsonl.zst"))
    for (pattern, view), number in sorted(made.items()):
        print(f"  {pattern}, {view}: {number} samples")
    figures = json.loads((folder / "figures" / "patterns.json").read_bytes())
    for name in ("errorTypes", "macros", "derives"):
        most = ", ".join(f"{one['name']} {one['count']}" for one in figures[name]["most"][:8])
        print(f"  {name}: {figures[name]['all']} in all; {most}")


if __name__ == "__main__":
    main()
