"""What a person sees of a run: live bars on a terminal, plain lines anywhere else, and a summary at the end."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import (
    Task as Bar,
)
from rich.table import Table
from rich.text import Text

from repoloom.runner import TaskSummary, Unit
from repoloom_api.catalogue import CATALOGUE
from repoloom_api.tasks import Task


class _RateColumn(ProgressColumn):
    """Units of work per second."""

    def render(self, task: Bar) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s" if speed and task.total and task.total > 1 else "", style="dim")


class Display(AbstractContextManager["Display"]):
    """Implements the runner's Progress for one plan."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._bars: dict[Unit, TaskID] = {}
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._cached: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, unit: Unit, task: Task) -> None:
        """Show a bar for the unit."""
        self._bars[unit] = self._progress.add_task(_title(unit, task), total=None)
        if not self._live:
            self._console.print(f"  …  {_title(unit, task)}", highlight=False)

    def advance(self, unit: Unit, done: int, total: int) -> None:
        """Move the unit's bar."""
        self._progress.update(self._bars[unit], completed=done, total=total)

    def end(self, unit: Unit, task: Task, *, cached: bool, failed: bool = False) -> None:
        """Take the bar away and leave a line, one for all shards found done."""
        bar = self._bars.pop(unit, None)
        seconds = 0.0
        if bar is not None:
            seconds = self._progress.tasks[self._progress.task_ids.index(bar)].elapsed or 0.0
            self._progress.remove_task(bar)
        if cached and task.name in self._cached:
            return
        if cached:
            self._cached.add(task.name)
        mark, style = ("✗", "red") if failed else ("=", "dim") if cached else ("✓", "green")
        said = "cached" if cached else f"{seconds:.1f} s"
        title = _title((unit[0], None) if cached else unit, task)
        self._console.print(f"  [{style}]{mark}[/]  {title}  [dim]{said}[/]", highlight=False)

    def say(self, message: str) -> None:
        """Print a line above the bars."""
        self._console.print(f"  [yellow]![/]  {message}", highlight=False)


def _title(unit: Unit, task: Task) -> str:
    shard = f"/{unit[1]}" if unit[1] else ""
    label = f" [cyan]{task.label}[/]" if task.label else ""
    return f"{unit[0]}{shard} [dim]{CATALOGUE[task.stage].summary}[/]{label}"


def summary(summaries: dict[str, TaskSummary]) -> Table:
    """What each task with a key took, kept and dropped and why, and what was known before."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("task", no_wrap=True)
    table.add_column("for", style="cyan")
    for column in ("in", "kept", "cached", "seconds"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("dropped, reused")
    for one in summaries.values():
        if CATALOGUE[one.task.stage].run_bound:
            continue
        notes = [f"{reason} {number:,}" for reason, number in sorted(one.dropped.items()) if number]
        if one.memos_reused or one.memos_computed:
            notes.append(f"[green]{one.memos_computed:,} files new, {one.memos_reused:,} known[/]")
        table.add_row(
            one.task.name,
            one.task.label,
            f"{one.records_in:,}" if one.records_in else "",
            f"{one.kept:,}" if one.kept else "",
            f"{one.cached}/{one.units}",
            f"{one.seconds:.1f}" if one.seconds else "",
            ", ".join(notes),
        )
    return table
