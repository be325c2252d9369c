"""What a dataset's report shows of code alone: how samples are made, call graphs, patterns, pairs, control tokens."""

import html
import json
from pathlib import Path
from typing import Any

from repoloom_stages.links import Figures
from support import samples
from support.datasets import Dataset, stats_of

HOSTILE = "<script>alert(1)</script>\u202e"
SHOWN = html.escape("<script>alert(1)</script>\ufffd")

GRAPH = Figures(
    calls={"free": 40, "method": 160, "new": 0}, resolved={"free": 30, "method": 20}, files=7, crates=2, cycles=1
)


def counted(*names: str) -> dict[str, Any]:
    most = [{"name": name, "count": number} for number, name in enumerate(names, start=1)]
    return {"all": sum(one["count"] for one in most), "names": len(names), "most": most}


def page_of(report: Path) -> str:
    return (report / "report.html").read_text()


def test_samples_are_counted_by_recipe_granularity_view_and_shape(tmp_path: Path) -> None:
    made = Dataset(tmp_path)
    plain = [samples.record(f"{n}.rs", f"fn f{n}() {{}}\n", granularity="function") for n in range(3)]
    graph = samples.record("m.rs", "fn m() {}\n", granularity="function", view="call-graph")
    made.output("files", [*plain, graph])
    report = made.report()
    makes = stats_of(report)["outputs"]["files"]["makes"]
    assert [(one["granularity"], one["view"], one["shape"], one["samples"]) for one in makes] == [
        ("function", "call-graph", "text", 1),
        ("function", "plain", "text", 3),
    ]
    assert '<td class="text">call-graph</td>' in page_of(report)


def test_a_linked_source_has_its_call_graph_in_figures(tmp_path: Path) -> None:
    made = Dataset(tmp_path)
    made.output("files", [samples.record("a.rs", "fn a() {}\n")])
    assert "Who calls whom" not in page_of(made.report("unlinked"))
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph/figures.json").write_text(json.dumps(GRAPH))
    made.roles["graph-code"] = (tmp_path / "graph",)
    report = made.report()
    assert stats_of(report)["callGraphs"] == {"code": GRAPH}
    page = page_of(report)
    assert "<strong>50</strong> of 200 calls are resolved (25.0\N{NO-BREAK SPACE}%)" in page
    assert "1 cycle of files" in page
    assert "<td>160</td><td>20</td><td>12.5\N{NO-BREAK SPACE}%</td>" in page
    assert "new Thing()" not in page


def test_patterns_are_shown_by_frequency_and_their_names_stay_text(tmp_path: Path) -> None:
    made = Dataset(tmp_path)
    made.output("files", [samples.record("a.rs", "fn a() {}\n")])
    figures = {name: counted() for name in ("errorTypes", "derives", "deriveSets")}
    patterns = {"conversions": counted(HOSTILE, "From")}
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/patterns.json").write_text(
        json.dumps(figures | {"macros": counted("vec"), "patterns": patterns})
    )
    made.count("code-patterns", "patterns from code")
    made.roles["patterns-code-patterns-3"] = (tmp_path / "figures",)
    report = made.report()
    assert stats_of(report)["patterns"]["patterns from code"]["patterns"] == patterns
    page = page_of(report)
    assert f"<code>{SHOWN}</code>" in page
    assert "<code>vec</code>" in page
    assert "Error types" not in page


def test_a_preference_shows_prompt_chosen_and_rejected(tmp_path: Path) -> None:
    text = f"fn a() {{ {HOSTILE}good }}\n"
    pair = samples.record("a.rs", text, shape="preference", prompt_end=7, rejected=f"{{ {HOSTILE}bad }}\n")
    made = Dataset(tmp_path)
    made.output("files", [pair], shape="preference")
    page = page_of(made.report())
    assert '<p class="column">prompt</p>\n<pre>fn a() </pre>' in page
    assert f'<p class="column">chosen</p>\n<pre>{{ {SHOWN}good }}\n</pre>' in page
    assert f'<p class="column">rejected</p>\n<pre>{{ {SHOWN}bad }}\n</pre>' in page


def test_control_tokens_are_framed_and_lookalikes_are_not(tmp_path: Path) -> None:
    text = "<|fim_prefix|>say('<|fim_prefix|>')\n"
    made = Dataset(tmp_path)
    made.output("files", [samples.record("a.py", text, view="fill-in-middle", controls=[{"start": 0, "end": 14}])])
    page = page_of(made.report())
    token = html.escape("<|fim_prefix|>")
    assert f'<pre><b class="control">{token}</b>say(&#39;{token}&#39;)\n</pre>' in page
