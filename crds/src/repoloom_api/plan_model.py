"""The plan of a FineTune: pins → model → training → evaluation → report → publication."""

from repoloom_api.catalogue import (
    DatasetName,
    EvaluateParams,
    PublishParams,
    ReportModelParams,
    ResolveParams,
    SuiteParams,
    TrainParams,
)
from repoloom_api.draft import Draft, fetch_model, model_name
from repoloom_api.tasks import Input, Task
from repoloom_api.v1alpha1.finetune import DatasetReference, FineTune, FineTuneSpec, Lora, Suite


def plan_model(tune: FineTune, draft: Draft) -> Task:
    """Draft every task of a FineTune; the last, which publishes, is returned."""
    spec = tune.spec
    references = _dataset_pins(spec)
    model = spec.model.hugging_face
    resolve = ResolveParams(
        models=(model_name("model", model),),
        datasets=tuple(DatasetName(pin=pin, name=reference.name) for pin, reference in references.items()),
    )
    draft.add("resolve", resolve, [])
    base = fetch_model(draft, "model", model, "spec.model", weights=True)
    base_model = Input(role="model", task=base, path="model/")

    def dataset(role: str, pin: str) -> Input:
        return Input(role=role, pin=pin, path=f"{references[pin].output}/")

    own = [f"data/{data.name}" for data in spec.data]
    train = draft.add(
        "train",
        TrainParams(lora=spec.method.lora or Lora(), training=spec.training),
        [base_model, *(dataset("data", pin) for pin in own)],
    )
    adapter = Input(role="adapter", task=train, path="adapter/")
    evaluate = draft.add(
        "evaluate",
        EvaluateParams(
            suites=tuple(SuiteParams(name=suite.name, require=suite.require) for suite in spec.evaluate.suites),
            max_tokens=spec.training.max_tokens,
        ),
        [
            base_model,
            adapter,
            *(dataset(f"suite-{s.name}", pin) for s in spec.evaluate.suites for pin in _judged(s, own)),
        ],
    )
    verdict = Input(role="verdict", task=evaluate, path="verdict/")
    report = draft.add(
        "report-model",
        ReportModelParams(name=tune.metadata.name),
        [
            verdict,
            adapter,
            Input(role="log", task=train, path="log/"),
            Input(role="measured", task=evaluate, path="measured/"),
        ],
    )
    return draft.build(
        "publish",
        PublishParams(kind=tune.kind, name=tune.metadata.name),
        [
            Input(role="parts", task=train, path="adapter/"),
            Input(role="parts", task=evaluate, path="verdict/"),
            Input(role="parts", task=report, path="report/"),
            adapter,
            verdict,
        ],
    )


def _dataset_pins(spec: FineTuneSpec) -> dict[str, DatasetReference]:
    """The datasets that a FineTune reads, by the names of their pins, in the order of `references()`."""
    own = {f"data/{data.name}": data.dataset_build for data in spec.data if data.dataset_build}
    judged = {
        f"suite/{suite.name}": suite.bits_per_byte.dataset_build
        for suite in spec.evaluate.suites
        if suite.bits_per_byte and suite.bits_per_byte.dataset_build
    }
    return own | judged


def _judged(suite: Suite, own: list[str]) -> list[str]:
    """Pins of the datasets whose test splits a suite reads."""
    return [f"suite/{suite.name}"] if suite.bits_per_byte and suite.bits_per_byte.dataset_build else own
