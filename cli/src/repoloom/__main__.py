"""The command line. Each command parses, calls and prints; exit codes are those of `repoloom_stages.errors`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from repoloom.commands import DEFAULT_OUT, DEFAULT_STORE, maintain, show
from repoloom.commands import generate as generating
from repoloom.commands import run as running
from repoloom_stages.errors import BadInput, StageError

app = typer.Typer(
    name="repoloom",
    help="Repositories woven into training data, and training data into models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="YAML files of DatasetBuilds and FineTunes.")]
StoreOption = Annotated[
    str, typer.Option("--store", help="Where artifacts lie: a folder, or s3://bucket/prefix?endpoint=URL.")
]
OutOption = Annotated[Path, typer.Option("--out", help="Folder for results.")]
SettingsOption = Annotated[
    Path | None, typer.Option("--settings", help="Settings file: store, connections, images, pools.")
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="NAME=DIR", help="A clone at hand that stands in for a source. Repeatable."),
]
PinsOption = Annotated[Path | None, typer.Option("--pins", help="Repeat a run: the pins.json it left in its results.")]
NamespaceOption = Annotated[str, typer.Option("--namespace", "-n", help="Namespace in the store.")]


@app.command()
def run(
    files: Files,
    store: StoreOption = DEFAULT_STORE,
    out: OutOption = DEFAULT_OUT,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, max=256, help="Tasks at a time [default: CPUs]")] = None,
    pins: PinsOption = None,
    source: SourceOption = None,
    settings: SettingsOption = None,
) -> None:
    """Do everything in FILE, in dependency order, here. What is done already is found, not done again."""
    running.run(files, store=store, out=out, jobs=jobs, pins=pins, sources=source or [], settings=settings)


@app.command()
def plan(
    files: Files,
    store: StoreOption = DEFAULT_STORE,
    pins: PinsOption = None,
    settings: SettingsOption = None,
) -> None:
    """Show the DAG of each resource: cached, to do, or unknown until an earlier task is done."""
    show.show_plan(files, store=store, pins=pins, settings=settings)


@app.command()
def render(
    files: Files,
    settings: SettingsOption = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", "-n", help="Of resources that name none [default: default]")
    ] = None,
) -> None:
    """Print what a cluster would get: of each resource the Argo Workflow, and the ConfigMap with its plan, as YAML."""
    from repoloom.commands import render as rendering  # Argo's types take a second to import

    rendering.render(files, settings=settings, namespace=namespace)


@app.command()
def validate(files: Files, settings: SettingsOption = None) -> None:
    """Check files: exit 0, or 64 with each fault's field path."""
    show.validate(files, settings=settings)


@app.command()
def inspect(
    name: Annotated[str, typer.Argument(help="A DatasetBuild or FineTune with a published result.")],
    store: StoreOption = DEFAULT_STORE,
    namespace: NamespaceOption = "default",
    samples: Annotated[int, typer.Option("--samples", min=0, max=100, help="Samples to show of each output.")] = 1,
) -> None:
    """Show a result: counts, tokens, drops by reason, samples; of a model, its verdict."""
    show.inspect(name, store=store, namespace=namespace, samples=samples)


@app.command()
def explain(
    sample: Annotated[str, typer.Argument(metavar="ID", help="Id of a sample.")],
    store: StoreOption = DEFAULT_STORE,
    namespace: NamespaceOption = "default",
) -> None:
    """Trace one sample back to repository, commit, path and lines, and to the tasks that made it."""
    show.explain(sample, store=store, namespace=namespace)


@app.command()
def init(
    repository: Annotated[str, typer.Argument(help="An HTTPS URL, or a clone on this machine.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; default: print.")] = None,
) -> None:
    """Write a DatasetBuild and a FineTune to start from."""
    maintain.init(repository, output=output)


@app.command()
def gc(
    store: StoreOption = DEFAULT_STORE,
    namespace: NamespaceOption = "default",
    keep_runs: Annotated[int, typer.Option("--keep-runs", min=0, help="Runs of each resource to keep.")] = 3,
    grace_days: Annotated[float, typer.Option("--grace-days", min=0, help="Keep whatever is younger.")] = 7,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Delete what no kept run or result reaches, after a grace period."""
    maintain.collect(store=store, namespace=namespace, keep_runs=keep_runs, grace_days=grace_days, dry_run=dry_run)


@app.command()
def generate(
    name: Annotated[str, typer.Argument(help="A FineTune with a published result.")],
    prompt: Annotated[str, typer.Option("--prompt", "-p", help="Text to complete; `-` reads standard input.")],
    store: StoreOption = DEFAULT_STORE,
    namespace: NamespaceOption = "default",
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=1, max=4096, help="Tokens to add at most.")] = 64,
    temperature: Annotated[float, typer.Option("--temperature", min=0, max=2, help="0 takes the likeliest.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="For a temperature above 0.")] = 0,
    base: Annotated[bool, typer.Option("--base", help="The base model without the adapter, to compare.")] = False,
) -> None:
    """Complete a prompt with a tuned model."""
    generating.generate(
        name,
        sys.stdin.read() if prompt == "-" else prompt,
        store=store,
        namespace=namespace,
        max_tokens=max_tokens,
        temperature=temperature,
        seed=seed,
        base=base,
    )


def main() -> int:
    """Entry point; returns the exit code."""
    try:
        return int(app(standalone_mode=False) or 0)
    except StageError as error:
        Console(stderr=True).print(f"[red]repoloom:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        print("\nrepoloom: stopped; run the same command again to go on", file=sys.stderr)
        return 130
    except typer.TyperException as error:
        print(f"repoloom: {error.format_message()}\nTry repoloom --help.", file=sys.stderr)
        return BadInput.exit_code


if __name__ == "__main__":
    sys.exit(main())
