"""Helm takes away what it brought, and finds again what it left."""

import pytest

from support.cluster.cluster import Cluster
from support.flow import Flow

pytestmark = pytest.mark.timeout(3600)
"""The first test waits for images to be built, and for the flow."""

LEFT = {"datasetbuilds.repoloom.dev", "finetunes.repoloom.dev"}
"""The types, without which every resource would be gone."""


def test_uninstalling_leaves_resources_alone_and_installing_again_runs_nothing(tuned: Flow) -> None:
    installation = tuned.installation
    resources = (tuned.build, tuned.tune)
    before = [installation.seen(one) for one in resources]
    installation.uninstall()
    try:
        assert cluster_scoped(installation.cluster) == LEFT
        assert [installation.seen(one) for one in resources] == before
    finally:
        installation.install()
    installation.wait_looked()
    assert [installation.seen(one) for one in resources] == before


OTHERS = {"namespaces", "apiservices.apiregistration.k8s.io"}
"""What tests make, and what the API server makes for every group of types."""


def cluster_scoped(cluster: Cluster) -> set[str]:
    """Names of the objects of no namespace that are Repoloom's by their names."""
    kinds = cluster.kubectl("api-resources", "--namespaced=false", "--verbs=list", "--output=name").split()
    items = cluster.get(",".join(kind for kind in kinds if kind not in OTHERS))["items"]
    return {one["metadata"]["name"] for one in items if "repoloom" in one["metadata"]["name"]}
