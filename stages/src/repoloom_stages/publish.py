"""The last task of a run: publish its result, or, where a verdict says no, keep it aside and refuse.

The verdict is an input, so publication is out of reach of whatever has none; and it must be about these very bytes.
"""

import json
from typing import Any

from repoloom_api.catalogue import PublishParams
from repoloom_api.runs import Outcome, Verdict
from repoloom_stages.errors import GateNotMet, UnsafeInput
from repoloom_stages.runtime.stage import Inputs, Outputs


def run(params: PublishParams, inputs: Inputs, outputs: Outputs) -> None:
    """Publish the parts. Raises GateNotMet (66) if the verdict refuses them, UnsafeInput if it is about others."""
    publication = outputs.publication
    if publication is None:
        raise RuntimeError("publish runs only with somewhere to publish")
    if params.kind != "FineTune":
        publication.publish(_dataset_facts(publication.read("stats.json")))
        return
    verdict = Verdict.model_validate_json((inputs.one("verdict") / "verdict.json").read_bytes())
    (adapter,) = inputs.digests["adapter"]
    if verdict.adapter != adapter:
        raise UnsafeInput(f"the verdict is about adapter {verdict.adapter[:12]}, not about {adapter[:12]}")
    facts = {"verdict": verdict.document()}
    if verdict.outcome is Outcome.REFUSED:
        publication.refuse(facts)
        raise GateNotMet(_refusal(verdict))
    publication.publish(facts)


def _dataset_facts(stats: bytes | None) -> dict[str, Any]:
    summary = json.loads(stats) if stats else {}
    return {name: summary[name] for name in ("samples", "tokens") if name in summary}


def _refusal(verdict: Verdict) -> str:
    failed = [suite for suite in verdict.suites if not suite.passed]
    said = "; ".join(
        f"{suite.name}: gain {suite.gain_percent:.1f} % ({suite.interval[0]:.1f} to {suite.interval[1]:.1f}), "
        f"{suite.required}"
        for suite in failed
    )
    return f"{said}. The adapter is kept under candidates/ and not published; see its report, then change the spec"
