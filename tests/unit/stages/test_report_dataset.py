"""`report-dataset`: figures that add up, a card that loads, and a page in which nothing of a repository runs."""

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from repoloom_api.artifacts import Counts
from repoloom_api.catalogue import ReportDatasetParams
from repoloom_api.runs import GitPin, SplitMode
from repoloom_stages import report_dataset
from repoloom_stages.errors import BadInput
from repoloom_stages.report.lengths import histogram, length_bins, quantile
from repoloom_stages.report.report_page import compact, figure_svg, percent, size, visible
from support import samples
from support.datasets import Dataset, records, stats_of

HOSTILE = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">{{ 7*7 }}\u202e'
SUMMARY = "summary/samples.jsonl.zst"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    made = Dataset(tmp_path_factory.mktemp("dataset"))
    made.count("snapshot", "code", Counts(records_in=70, kept=61, dropped={"binary": 9}))
    made.count(
        "code-units", "files", Counts(records_in=30, kept=30), Counts(records_in=32, kept=31, dropped={"empty": 1})
    )
    twins = [samples.record("twin.py", records(1)[0]["text"], header="")]
    made.output("files", [*records(), *twins], refused=(records()[5],))
    made.output("more", records(recipe="more", lang="rust"), format_="taggedText")
    return made


@pytest.fixture(scope="module")
def report(dataset: Dataset) -> Path:
    return dataset.report()


def test_figures_add_up_along_every_way_to_cut_them(report: Path) -> None:
    stats = stats_of(report)
    for measure in ("samples", "tokens", "bytes"):
        assert stats[measure] == sum(output[measure] for output in stats["outputs"].values())
        for output in stats["outputs"].values():
            for cut in ("splits", "recipes", "granularities", "languages"):
                assert sum(part[measure] for part in output[cut].values()) == output[measure]
    for step in stats["steps"]:
        assert step["recordsIn"] == step["kept"] + sum(step["reasons"].values())


def test_figures_are_those_of_the_files(dataset: Dataset, report: Path) -> None:
    outputs = stats_of(report)["outputs"]
    assert outputs
    for name, output in outputs.items():
        for split_, figures in output["splits"].items():
            table = pq.read_table(dataset.folder / name / f"out/output/{name}/{split_}.parquet")
            assert figures["samples"] == table.num_rows
            assert figures["bytes"] == sum(len(text.encode()) for text in table["text"].to_pylist())


def test_lengths_hold_every_sample(report: Path) -> None:
    recipe = stats_of(report)["outputs"]["files"]["recipes"]["units"]
    assert sum(recipe["lengths"]["histogram"]["samples"]) == recipe["samples"]
    quantiles = list(recipe["lengths"]["quantiles"].values())
    assert quantiles == sorted(quantiles)
    assert quantiles[-1] <= recipe["lengths"]["longest"]


def test_drops_are_summed_over_shards_and_named(report: Path) -> None:
    dropped = {(step["stage"], step["label"]): step["reasons"] for step in stats_of(report)["dropped"]}
    assert dropped["snapshot", "code"] == {"binary": 9}
    assert dropped["code-units", "files"] == {"empty": 1}
    assert dropped["write-output", "files"] == {"refused": 1}
    page = (report / "report.html").read_text()
    assert "binary 9" in page
    assert "<strong>62</strong> samples in" in page


def test_a_planted_leak_is_found_and_told(tmp_path: Path) -> None:
    made = Dataset(tmp_path)
    made.output("files", records())
    summaries = samples.lines(tmp_path / "files/out" / SUMMARY)
    trained = next(one for one in summaries if one["split"] == "train")
    held_out = next(one for one in summaries if one["split"] == "test")
    assert stats_of(made.report("clean"))["leaks"]["leaked"] == 0
    held_out["content"] = trained["content"]
    samples.written(tmp_path / "files/out", SUMMARY, summaries)
    report = made.report("leaky")
    assert stats_of(report)["leaks"]["leaked"] == 1
    assert '<p class="note bad">' in (report / "report.html").read_text()


def test_the_same_dataset_gives_the_same_report(dataset: Dataset, report: Path) -> None:
    assert samples.files(report) == samples.files(dataset.report("again"))


def test_the_card_loads_with_datasets_and_holds_what_the_json_lines_hold(dataset: Dataset) -> None:
    from datasets import load_dataset

    folder = dataset.published()
    for name in dataset.outputs:
        loaded = load_dataset(str(folder), name, cache_dir=str(dataset.folder / "cache"))
        for split_, table in loaded.items():
            lines = [json.loads(line) for line in (folder / name / f"{split_}.jsonl").read_text().splitlines()]
            assert table.to_list() == lines
            assert pq.read_schema(folder / name / f"{split_}.parquet").names == table.column_names
    path = str(folder / "files/test.jsonl")
    as_json = load_dataset("json", data_files=path, split="train", cache_dir=str(dataset.folder / "cache"))
    assert (
        as_json.column_names
        == load_dataset(str(folder), "files", split="test", cache_dir=str(dataset.folder / "cache")).column_names
    )


def test_the_card_names_the_sources_and_only_splits_with_samples(tmp_path: Path) -> None:
    made = Dataset(tmp_path)
    made.output("files", records(1))
    card = (made.report() / "README.md").read_text()
    front = yaml.safe_load(card.split("---\n")[1])
    assert front["configs"] == [
        {"config_name": "files", "default": True, "data_files": [{"split": "train", "path": "files/train.parquet"}]}
    ]
    assert front["size_categories"] == ["n<1K"]
    assert (front["pretty_name"], front["license"], "python" in front["tags"]) == ("example", "other", True)
    assert f"| code | {samples.REPO} | `{'f' * 40}` | `{'f' * 40}` |" in card


def test_an_empty_dataset_has_a_report(tmp_path: Path) -> None:
    made = Dataset(tmp_path)
    made.output("files", [])
    report = made.report()
    assert stats_of(report)["samples"] == 0
    assert "no sample was written" in (report / "report.html").read_text()
    assert yaml.safe_load((report / "README.md").read_text().split("---\n")[1])["configs"] is None


def test_the_flow_adds_up_the_tasks_of_each_stage_and_leaves_out_what_had_nothing_to_do(tmp_path: Path) -> None:
    made = Dataset(tmp_path)
    made.count("hold-out", "code", Counts())
    made.count("code-units", "files from code", Counts(records_in=30, kept=30))
    made.count("code-units", "more from code", Counts(records_in=4, kept=3, dropped={"empty": 1}))
    made.output("files", records(2))
    made.output("more", records(1, recipe="more"))
    page = (made.report() / "report.html").read_text()
    flow = page.partition('<ol class="steps">')[2].partition("</ol>")[0]
    assert re.findall(r"<span>([\w-]+)</span>", flow) == ["code-units", "split", "deduplicate", "write-output"]
    taken = re.findall(r"<strong>(\d+)</strong> samples in, <strong>(\d+)</strong> kept", flow)
    assert taken == [("34", "33"), *[("3", "3")] * 3]
    assert "<td>hold-out-0</td>" in page, "each task by itself"


def test_a_history_held_out_by_time_shows_its_windows(tmp_path: Path) -> None:
    novel = [{"start": 1, "end": 1, "group": "c" * 40}]
    made = Dataset(tmp_path)
    dated = [
        samples.record("a.py", "old = 1\n", split="train", committed_at="2026-01-05T00:00:00Z"),
        samples.record("b.py", "new = 1\n", split="test", committed_at="2026-03-01T00:00:00Z", novel=novel),
        samples.record("c.py", "newer = 1\n", split="test", committed_at="2026-04-02T00:00:00Z", novel=novel),
    ]
    made.output("files", dated)
    pin = GitPin(url=samples.REPO, head="d" * 40, train="a" * 40, test="e" * 40, mode=SplitMode.TIME, reason="why")
    page = (made.report(pin=pin) / "report.html").read_text()
    assert "2026-03-01 to 2026-04-02" in page
    assert "aaaaaaaaaaaa" in page
    assert "eeeeeeeeeeee" in page
    assert "<mark>newer = 1\n</mark>" in page
    assert "Of commits" in page


def test_a_source_that_is_no_repository_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "pin.json").write_text(json.dumps({"tiny": {"sha256": "0" * 64}}))
    params = ReportDatasetParams(name="example", counted=(), sources=("code",), outputs=())
    with pytest.raises(BadInput, match=r"pin\.json of source code"):
        samples.run(report_dataset, params, {"source-code": (tmp_path,)}, tmp_path / "out")


# The page is inert.


class Page(HTMLParser):
    """Collects a page's elements, and complains about tags that do not match."""

    VOID = frozenset({"meta", "br", "img", "link", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    made = Dataset(tmp_path_factory.mktemp("hostile"))
    made.output("files", [samples.record(f"{HOSTILE}{n}.py", f"{HOSTILE} = {n}\n", name=HOSTILE) for n in range(9)])
    return Page((made.report() / "report.html").read_text())


def test_hostile_text_is_text(hostile_page: Page) -> None:
    tags = Counter(tag for tag, _ in hostile_page.elements)
    assert not {"script", "img", "iframe", "object", "embed", "link", "form", "base"} & set(tags)
    assert not any(name.startswith("on") for _, attributes in hostile_page.elements for name in attributes)
    shown = "".join(hostile_page.text)
    assert '</pre><script>alert(1)</script><img src=x onerror="alert(2)">{{ 7*7 }}\ufffd = ' in shown
    assert "\u202e" not in shown


def test_the_page_asks_for_nothing_and_allows_no_script(hostile_page: Page) -> None:
    policies = [
        one["content"] for tag, one in hostile_page.elements if one.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
    references = {
        attributes[name]
        for _, attributes in hostile_page.elements
        for name in ("src", "href", "xlink:href", "data", "action", "poster")
        if attributes.get(name)
    }
    assert {one for one in references if one and not one.startswith("#")} == {samples.REPO}


def test_ids_in_a_page_are_its_own(report: Path) -> None:
    page = Page((report / "report.html").read_text())
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert [one for one, number in Counter(ids).items() if number > 1] == []


# Parts.


@given(st.lists(st.integers(1, 5000), min_size=1), st.floats(0.01, 1))
def test_quantiles_are_those_of_the_sorted_lengths(values: list[int], share: float) -> None:
    found = quantile(Counter(values), share)
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


@given(st.lists(st.integers(1, 100_000), min_size=1))
def test_every_length_falls_in_one_bin(values: list[int]) -> None:
    edges = length_bins(max(values))
    assert edges == sorted(set(edges))
    assert sum(histogram(Counter(values), edges)) == len(values)


NUMBERS = {
    "small": (compact(12), "12"),
    "four digits": (compact(9_999), "9,999"),
    "thousands": (compact(12_345), "12.3 k"),
    "up to the next unit": (compact(999_600), "1.00 M"),
    "millions": (compact(7_654_321), "7.65 M"),
    "bytes": (size(999), "999 B"),
    "kilobytes": (size(1_000), "1.00 kB"),
    "huge": (size(10**18), "1,000,000 TB"),
    "share": (percent(1, 8), "12.5 %"),
    "share of nothing": (percent(0, 0), "0.0 %"),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers_are_for_people(case: str) -> None:
    shown, expected = NUMBERS[case]
    assert shown == expected.replace(" ", "\N{NO-BREAK SPACE}")


def test_hidden_characters_are_shown() -> None:
    assert visible("a\tb\nc\r\0\x1b[31m\u202e\u2066\u200b\x7fé") == "a\tb\nc␍␀␛[31m\ufffd\ufffd\ufffd\ufffdé"


def test_a_figure_takes_the_page_s_colours_and_escapes_text() -> None:
    def draw(figure: Any) -> None:
        axes = figure.add_axes((0.1, 0.1, 0.8, 0.8))
        axes.bar([1, 2], [3, 4], color="#040404")
        axes.set_xlabel("$\\frac <script>")

    drawing = figure_svg('a "title"', draw)
    assert drawing == figure_svg('a "title"', draw)
    assert drawing.startswith('<svg role="img" aria-label="a &#34;title&#34;" ')
    assert "fill: var(--train)" in drawing
    assert "&lt;script&gt;" in drawing
    assert "DejaVu" not in drawing
    assert "<style" not in drawing
    assert "#0" not in drawing.replace('href="#', "")
