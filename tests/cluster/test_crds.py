"""The real API server takes our CRDs, and says of every resource what the types say: schema, defaults and rules."""

import json
from typing import Any

import pytest

from repoloom_api.resources import parse_resource
from repoloom_api.schema import KINDS, Kind
from support.builders import dataset_build, fine_tune
from support.cluster.cluster import Cluster, Refused
from support.cluster.creation import kubectl_refuses, offer
from support.crd_validation import readable, strangers
from unit.api.cases import BAD, GOOD

DIGEST = "51fa6c3be7d0" + "0" * 52


def condition(about: str, status: str, reason: str) -> dict[str, Any]:
    said = {"message": "as it is", "lastTransitionTime": "2026-11-21T07:00:00Z", "observedGeneration": 1}
    return {"type": about, "status": status, "reason": reason} | said


_SHARED = {
    "conditions": [condition("Ready", "True", "Published"), condition("Succeeded", "True", "Published")],
    "observedGeneration": 1,
    "workflow": "example-4c9e1",
    "progress": {"tasks": "9/9", "running": ""},
}
_CURRENT = {"digest": DIGEST, "shortDigest": DIGEST[:12], "uri": "s3://bucket/prefix"}
_SHOWN = {"NAME": "example", "READY": "True", "REASON": "Published", "TASKS": "9/9"}
_SHOWN |= {"DIGEST": DIGEST[:12], "WORKFLOW": "example-4c9e1", "URI": "s3://bucket/prefix"}
STATUS: dict[str, Any] = {
    "datasetbuilds": _SHARED | {"current": _CURRENT | {"samples": 2214, "tokens": 7_012_344}},
    "finetunes": _SHARED | {"current": _CURRENT, "verdict": {"outcome": "Accepted", "gainPercent": 4.8, "suites": []}},
}
COLUMNS = {
    "datasetbuilds": _SHOWN | {"SAMPLES": "2214", "TOKENS": "7012344"},
    "finetunes": _SHOWN | {"VERDICT": "Accepted", "GAIN": "4.8"},
}


def json_holds(document: Any) -> bool:
    """Whether a document is one that a client can send: no infinite number, no date, no bytes."""
    try:
        json.dumps(document, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


@pytest.fixture(scope="module")
def anywhere(cluster: Cluster) -> str:
    """A namespace for dry runs, and one of the name that a case has."""
    for case in GOOD.values():
        if apart := case["metadata"].get("namespace"):
            cluster.make_namespace(apart)
    return "default"


@pytest.mark.parametrize("document", GOOD.values(), ids=GOOD.keys())
def test_a_good_resource_is_stored_as_the_types_read_it(cluster: Cluster, anywhere: str, document: Any) -> None:
    answer = offer(cluster, anywhere, document)
    assert answer.faults == ()
    assert answer.stored["spec"] == parse_resource(document).document()["spec"]


@pytest.mark.parametrize("name", [name for name, case in BAD.items() if json_holds(case.document)])
def test_a_bad_resource_is_refused_at_the_same_fields(cluster: Cluster, anywhere: str, name: str) -> None:
    case = BAD[name]
    if not readable(case.document):  # a file of nothing, or of an unknown kind, has no address to be sent to
        assert kubectl_refuses(cluster, anywhere, case.document)
        return
    faults = offer(cluster, anywhere, case.document).faults
    assert faults
    assert strangers(faults, case.paths) == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_columns_show_the_status(cluster: Cluster, namespace: str, kind: Kind) -> None:
    cluster.apply(resource(kind, namespace))
    patch_status(cluster, namespace, kind, STATUS[kind.plural])
    header, row = cluster.kubectl("get", kind.plural, f"--namespace={namespace}", "--output=wide").splitlines()
    shown = dict(zip(header.split(), row.split(), strict=True))
    assert shown.pop("AGE").endswith("s")
    assert shown == COLUMNS[kind.plural]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_a_status_is_written_apart_from_the_spec(cluster: Cluster, namespace: str, kind: Kind) -> None:
    status = STATUS[kind.plural]
    cluster.apply(resource(kind, namespace) | {"status": status})
    assert "status" not in get(cluster, namespace, kind)
    patch_status(cluster, namespace, kind, status)
    found = get(cluster, namespace, kind)
    assert found["status"] == status | {"pins": []}
    assert found["metadata"]["generation"] == 1
    changed = resource(kind, namespace)
    changed["spec"]["data" if kind.plural == "finetunes" else "recipes"][0]["name"] = "another"
    cluster.apply(changed)
    found = get(cluster, namespace, kind)
    assert found["status"] == status | {"pins": []}
    assert found["metadata"]["generation"] == 2


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_a_status_of_another_form_is_refused(cluster: Cluster, namespace: str, kind: Kind) -> None:
    cluster.apply(resource(kind, namespace))
    unknown = condition("Ready", "False", "Because")
    with pytest.raises(Refused, match=r'status\.conditions\[0\]\.reason: Unsupported value: "Because"'):
        patch_status(cluster, namespace, kind, {"conditions": [unknown]})


def test_two_writers_own_a_condition_each(cluster: Cluster, namespace: str) -> None:
    cluster.apply(resource(KINDS[0], namespace))
    written = [condition("Ready", "False", "Building"), condition("Succeeded", "Unknown", "Building")]
    for position, one in enumerate(written):
        metadata = {"name": "example", "namespace": namespace}
        document = {"apiVersion": "repoloom.dev/v1alpha1", "kind": "DatasetBuild", "metadata": metadata}
        options = ("--server-side", "--subresource=status", f"--field-manager=writer-{position}", "--filename=-")
        cluster.kubectl("apply", *options, written=json.dumps(document | {"status": {"conditions": [one]}}))
    assert get(cluster, namespace, KINDS[0])["status"]["conditions"] == written


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_short_names_and_the_category_find_a_resource(cluster: Cluster, namespace: str, kind: Kind) -> None:
    cluster.apply(resource(kind, namespace))
    for name in (kind.short, "repoloom"):
        listed = cluster.kubectl("get", name, f"--namespace={namespace}", "--output=name")
        assert listed.strip() == f"{kind.model.__name__.lower()}.repoloom.dev/example"


def resource(kind: Kind, namespace: str) -> Any:
    document = dataset_build() if kind.plural == "datasetbuilds" else fine_tune()
    document["metadata"]["namespace"] = namespace
    return document


def get(cluster: Cluster, namespace: str, kind: Kind) -> Any:
    return cluster.get(kind.plural, "example", f"--namespace={namespace}")


def patch_status(cluster: Cluster, namespace: str, kind: Kind, status: Any) -> None:
    patch = json.dumps({"status": status})
    options = (f"--namespace={namespace}", "--subresource=status", "--type=merge", f"--patch={patch}")
    cluster.kubectl("patch", kind.plural, "example", *options)
