"""Settings: what a namespace may use, where the store lies, and that what they refuse they name."""

from typing import Any

import pytest
from pydantic import ValidationError

from repoloom_api.plan import RefusedBySettings, plan, spec_digest
from repoloom_api.resources import parse_resource
from repoloom_api.settings import SettingsConfig
from support.builders import Document, dataset_build, fine_tune

HEAD = {"apiVersion": "config.repoloom.dev/v1alpha1", "kind": "Settings"}


def settings(**fields: Any) -> SettingsConfig:
    return SettingsConfig.model_validate(HEAD | fields)


def test_a_connection_is_for_the_namespaces_it_selects() -> None:
    everyone = {"name": "everyone", "web": {}, "hosts": ["example.org"]}
    docs = {
        "name": "docs",
        "web": {},
        "hosts": ["docs.example.org"],
        "namespaceSelector": {"matchLabels": {"team": "docs"}},
    }
    both = settings(connections=[everyone, docs])
    assert [one.name for one in both.for_namespace({"team": "docs", "more": "labels"}).connections or ()] == [
        "everyone",
        "docs",
    ]
    assert [one.name for one in both.for_namespace({"team": "other"}).connections or ()] == ["everyone"]
    assert both.for_namespace({}).refuses("docs.example.org")


def test_no_connections_at_all_stay_none_for_every_namespace() -> None:
    assert settings().for_namespace({}).connections is None


def test_a_store_is_named_as_the_command_line_takes_it() -> None:
    store = settings(objectStore={"endpoint": "http://minio.minio.svc:9000", "bucket": "data"}).object_store
    assert store is not None
    expected = "s3://data/repoloom?endpoint=http://minio.minio.svc:9000&region=us-east-1&addressing=path"
    assert store.url == expected


def test_training_goes_to_the_pool_it_names_and_everything_else_to_the_default() -> None:
    given = settings(
        pools=[{"name": "cpu"}, {"name": "a100", "accelerator": {}}, {"name": "h100", "accelerator": {}}],
        defaults={"pools": {"data": "cpu", "training": "a100"}},
    )
    pools = {name: one.pool for name, one in plan(tune({}), given).placements.items()}
    assert pools == {
        "resolve-1": "cpu",
        "fetch-model-1": "cpu",
        "train-1": "a100",
        "evaluate-1": "a100",
        "report-model-1": "cpu",
        "publish-1": "cpu",
    }
    assert plan(tune({"pool": "h100"}), given).placements["train-1"].pool == "h100"


def test_a_pool_that_does_not_exist_is_refused_with_its_field() -> None:
    with pytest.raises(RefusedBySettings) as error:
        plan(tune({"pool": "b200"}), settings(pools=[{"name": "a100"}]))
    assert [fault.path for fault in error.value.faults] == ["spec.compute.pool"]
    assert "a100" in str(error.value)


def test_a_default_pool_must_be_one_of_the_pools() -> None:
    with pytest.raises(ValidationError, match="must be the name of one of the pools"):
        settings(pools=[{"name": "cpu"}], defaults={"pools": {"training": "gpu"}})
    with pytest.raises(ValidationError, match="must be the name of one of the pools"):
        settings(defaults={"pools": {"data": "cpu"}})


@pytest.mark.parametrize("when", [{"schedule": "0 3 * * 1"}, {"suspend": True}])
def test_when_to_build_is_no_part_of_what_is_asked(when: Document) -> None:
    assert spec_digest(parse_resource(dataset_build(**when))) == spec_digest(parse_resource(dataset_build()))


def test_a_default_written_out_asks_for_the_same() -> None:
    written = parse_resource(fine_tune(training={"epochs": 1}, compute={}))
    assert spec_digest(written) == spec_digest(parse_resource(fine_tune()))
    assert spec_digest(parse_resource(fine_tune(training={"epochs": 2}))) != spec_digest(written)


def tune(compute: Document) -> Any:
    return parse_resource(fine_tune(compute=compute))
