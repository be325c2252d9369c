"""The report says what the verdict says, in the same bytes each time, and obeys nothing that a repository wrote."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from repoloom_api.catalogue import ReportModelParams
from repoloom_api.runs import Outcome, SuiteVerdict, Verdict
from repoloom_stages import report_model
from repoloom_stages.runtime.stage import Inputs, Outputs

REVISION = "c" * 40
HOSTILE = "<script>alert(1)</script>\u202e.py"


def verdict(*, accepted: bool = True, novel_bytes: int = 12_000) -> Verdict:
    suite = SuiteVerdict(
        name="held-out",
        base=1.9,
        adapter=1.6,
        gain_percent=15.7 if accepted else -2.9,
        interval=(14.0, 17.5) if accepted else (-3.5, -2.2),
        groups=40,
        bytes=novel_bytes,
        required="at least 3 % better than the base",
        passed=accepted,
    )
    outcome = Outcome.ACCEPTED if accepted else Outcome.REFUSED
    return Verdict(adapter="a" * 64, outcome=outcome, gain_percent=suite.gain_percent, suites=(suite,))


def group(number: int, name: str = "") -> dict[str, Any]:
    base = 300.0 + number
    name = name or f"{number:040x}"
    return {
        "suite": "held-out",
        "group": name,
        "bytes": 150,
        "base_bits": base,
        "adapter_bits": base * (0.7 + number / 80),
    }


def write_inputs(folder: Path, judged: Verdict, groups: list[dict[str, Any]], base: dict[str, Any]) -> Inputs:
    log = [
        {"step": step, "loss": 3.0 - step / 100, "learning_rate": 1e-3, "gradient_norm": 1.0, "tokens": 500 * step}
        for step in range(1, 101)
    ]
    config = {"r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": ["q_proj", "v_proj"], **base}
    measured = {"base": "tiny", "max_tokens": 512, "resamples": 2000}
    files = {
        "verdict/verdict.json": json.dumps(judged.document()),
        "measured/metrics.json": json.dumps(measured),
        "measured/groups.jsonl": "".join(json.dumps(one) + "\n" for one in groups),
        "log/log.jsonl": "".join(json.dumps(line) + "\n" for line in log),
        "adapter/adapter_config.json": json.dumps(config),
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return Inputs({role: (folder / role,) for role in ("verdict", "measured", "log", "adapter")})


def report(
    folder: Path, judged: Verdict | None = None, groups: list[dict[str, Any]] | None = None, **base: Any
) -> dict[str, str]:
    base = base or {"base_model_name_or_path": "tiny", "revision": None}
    groups = [group(number) for number in range(40)] if groups is None else groups
    inputs = write_inputs(folder / "in", judged or verdict(), groups, base)
    report_model.run(ReportModelParams(name="my-model"), inputs, Outputs(folder / "out"))
    return {path.name: path.read_text() for path in (folder / "out" / "report").iterdir()}


def test_it_writes_page_card_and_figures(tmp_path: Path) -> None:
    files = report(tmp_path)
    assert set(files) == {"metrics.json", "README.md", "report.html"}
    metrics = json.loads(files["metrics.json"])
    assert metrics["gainPercent"] == 15.7
    assert metrics["suites"] == verdict().document()["suites"]
    assert metrics["training"]["tokens"] == 50_000
    assert metrics["training"]["firstLoss"] == pytest.approx(2.97)
    assert metrics["training"]["lastLoss"] == pytest.approx(2.02)
    assert metrics["lora"] == {"rank": 16, "alpha": 32, "dropout": 0.0, "layers": 2}


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    assert report(tmp_path / "one") == report(tmp_path / "two")


@pytest.mark.parametrize(("accepted", "word"), [(True, "Accepted."), (False, "Refused.")])
def test_the_page_opens_with_the_verdict(tmp_path: Path, accepted: bool, word: str) -> None:
    page = report(tmp_path, verdict(accepted=accepted))["report.html"]
    header = page[page.index("<h1>") : page.index("</header>")]
    assert word in header
    assert ("15.7 %" if accepted else "2.9 %") in header
    assert "repoloom generate" in page if accepted else "candidates" in page


def test_the_page_is_well_formed_and_asks_for_nothing(tmp_path: Path) -> None:
    page = report(tmp_path)["report.html"]
    Balanced().feed(page)
    assert "<script" not in page
    assert not re.search(r"(src|href)=\"(https?:)?//", page)
    assert page.count("<svg") == 2


def test_names_from_a_repository_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    groups = [group(0, HOSTILE), *(group(number) for number in range(1, 8))]
    page = report(tmp_path, groups=groups)["report.html"]
    assert "<script" not in page
    assert "\u202e" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_page_shows_the_ends_of_many_groups_and_all_of_few(tmp_path: Path) -> None:
    many, few = report(tmp_path / "many"), report(tmp_path / "few", groups=[group(number) for number in range(10)])
    assert len(re.findall(r"[0-9a-f]{40}", many["report.html"])) == 10
    assert len(re.findall(r"[0-9a-f]{40}", few["report.html"])) == 10


def test_a_suite_without_novel_lines_has_no_figure(tmp_path: Path) -> None:
    page = report(tmp_path, verdict(accepted=False, novel_bytes=0), groups=[])["report.html"]
    assert "no novel lines" in page
    assert page.count("<svg") == 1


def front_matter(card: str) -> dict[str, Any]:
    import yaml

    document: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return document


def test_the_card_of_tiny_names_no_model_of_the_hub(tmp_path: Path) -> None:
    card = report(tmp_path)["README.md"]
    assert front_matter(card)["library_name"] == "peft"
    assert "base_model" not in front_matter(card)
    assert "tiny.path()" in card


def test_the_card_of_a_hub_model_loads_it_at_its_commit(tmp_path: Path) -> None:
    card = report(tmp_path, base_model_name_or_path="some/model", revision=REVISION)["README.md"]
    assert front_matter(card)["base_model"] == "some/model"
    assert f'base, revision = "some/model", "{REVISION}"' in card
    assert "| held-out | 1.9000 | 1.6000 | +15.70 % |" in card


class Balanced(HTMLParser):
    """Fails on a tag that is closed out of turn."""

    VOID = frozenset({"meta", "br", "path", "use"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        """Nothing to close."""

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag
