"""`repoloom render` prints what a cluster would get, or says what the settings need."""

from pathlib import Path

import pytest
import yaml

from repoloom.commands.render import render
from repoloom_stages.errors import BadInput
from support.builders import Document, dataset_build, fine_tune
from support.command import repoloom, write_yaml
from support.rendering import IMAGES, STORE

SETTINGS = {
    "apiVersion": "config.repoloom.dev/v1alpha1",
    "kind": "Settings",
    "images": IMAGES,
    "objectStore": STORE,
}


def written(tmp_path: Path, *resources: Document) -> Path:
    return write_yaml(tmp_path / "resources.yaml", *(resources or (dataset_build(), fine_tune())))


def given(tmp_path: Path, **config: object) -> Path:
    chosen = {name: value for name, value in (SETTINGS | config).items() if value is not None}
    return write_yaml(tmp_path / "settings.yaml", {"config": chosen})


def test_each_resource_is_printed_as_a_config_map_and_a_workflow_that_reads_it(tmp_path: Path) -> None:
    ended = repoloom("render", written(tmp_path), "--settings", given(tmp_path), "--namespace", "team")
    assert ended.code == 0, ended.said
    documents = list(yaml.safe_load_all(ended.out))
    assert [document["kind"] for document in documents] == ["ConfigMap", "Workflow"] * 2
    for config_map, workflow in zip(documents[::2], documents[1::2], strict=True):
        assert {config_map["metadata"]["namespace"], workflow["metadata"]["namespace"]} == {"team"}
        volumes = workflow["spec"]["templates"][1]["volumes"]
        assert {"name": "plan", "configMap": {"name": config_map["metadata"]["name"]}} in volumes
        assert "ownerReferences" not in workflow["metadata"]  # nothing in a cluster owns it, and it would be deleted


def test_settings_without_images_and_store_are_exit_64_with_what_to_write(tmp_path: Path) -> None:
    ended = repoloom("render", written(tmp_path))
    assert ended.code == 64
    assert "the settings need images: {stages: …, train: …}" in ended.err
    assert "the settings need objectStore: {bucket: …}" in ended.err
    assert "--settings" in ended.err


def test_one_of_the_two_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^the settings need images: "):
        render([written(tmp_path)], settings=given(tmp_path, images=None), namespace=None)


def test_a_namespace_in_the_file_is_not_overruled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build = dataset_build()
    build["metadata"]["namespace"] = "research"
    render([written(tmp_path, build)], settings=given(tmp_path), namespace="research")
    assert "namespace: research" in capsys.readouterr().out
    with pytest.raises(BadInput, match="is in the namespace research, not in team"):
        render([written(tmp_path, build)], settings=given(tmp_path), namespace="team")


def test_a_namespace_that_kubernetes_would_refuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^--namespace: "):
        render([written(tmp_path)], settings=given(tmp_path), namespace="{{workflow.name}}")


def test_plan_shows_which_pods_tasks_share_where_the_settings_are_a_clusters(tmp_path: Path) -> None:
    store = ("--store", tmp_path / "store")
    with_pods = repoloom("plan", written(tmp_path), *store, "--settings", given(tmp_path, objectStore=None))
    assert with_pods.code == 0, with_pods.said
    pods = {
        line.split()[0]: line.strip().split("  ")[-1].strip() for line in with_pods.out.splitlines() if line[0] != " "
    }
    assert pods["index-code-1"] == "shards, 4 pods"
    assert (pods["snapshot-1"], pods["train-1"], pods["publish-1"]) == ("collect", "accelerate", "finish")
    assert "shards" not in repoloom("plan", written(tmp_path), *store).out
