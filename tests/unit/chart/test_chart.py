"""The chart: what it renders, what it grants, and what values it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from repoloom_api.chart import ChartValues
from repoloom_api.schema import KINDS, crd
from repoloom_api.settings import SettingsConfig
from repoloom_operator import metrics
from repoloom_operator.render.workflow import SERVICE_ACCOUNT
from support.chart import CHART, KUBERNETES, HelmRefused, Rendered, helm_template, run_helm
from support.operating import RULES

TRIAL = CHART / "ci" / "trial-values.yaml"
PRODUCTION = CHART / "ci" / "production-values.yaml"
IMAGES = {"stages": "example.com/stages:1", "train": "example.com/train:1"}
STORE = {"endpoint": "http://s3.example.com:9000", "bucket": "bucket"}
SMALLEST = {"operator.image": "example.com/operator:1", "config.images": IMAGES, "config.objectStore": STORE}

both = pytest.mark.parametrize("values", [TRIAL, PRODUCTION], ids=["trial", "production"])


@pytest.fixture(scope="module")
def trial(helm: Path) -> Rendered:
    return helm_template(helm, TRIAL)


@pytest.fixture(scope="module")
def production(helm: Path) -> Rendered:
    return helm_template(helm, PRODUCTION)


@pytest.fixture(scope="module")
def smallest(helm: Path) -> Rendered:
    return helm_template(helm, SMALLEST)


def test_generated_files_are_what_the_types_say(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "repoloom_api.chart", tmp_path], check=True)
    generated = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    committed = {name: (CHART / name).read_text() for name in generated}
    assert generated == committed
    assert sorted(path.name for path in (CHART / "templates" / "crds").iterdir()) == sorted(
        Path(name).name for name in generated if name.startswith("templates/")
    )


def test_the_reference_is_what_the_types_say(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "repoloom_api.reference", tmp_path], check=True)
    assert (tmp_path / "values.md").read_text() == (CHART.parents[1] / "docs/reference/values.md").read_text()


@both
def test_lint_finds_nothing(helm: Path, values: Path) -> None:
    run_helm(helm, "lint", "--strict", KUBERNETES, str(CHART), "--values", str(values))


def test_the_smallest_release_is_the_operator_and_what_one_namespace_needs(smallest: Rendered) -> None:
    found = [(each["kind"], each["metadata"]["name"], each["metadata"].get("namespace")) for each in smallest.documents]
    assert sorted(found, key=str) == [
        ("ClusterRole", "repoloom-operator", None),
        ("ClusterRoleBinding", "repoloom-operator", None),
        ("ConfigMap", "repoloom-settings", "repoloom"),
        ("CronJob", "repoloom-gc", "default"),
        ("CustomResourceDefinition", "datasetbuilds.repoloom.dev", None),
        ("CustomResourceDefinition", "finetunes.repoloom.dev", None),
        ("Deployment", "repoloom", "repoloom"),
        ("Role", "repoloom-run", "default"),
        ("RoleBinding", "repoloom-run", "default"),
        ("Secret", "repoloom-run.service-account-token", "default"),
        ("Service", "repoloom-metrics", "repoloom"),
        ("ServiceAccount", "repoloom", "repoloom"),
        ("ServiceAccount", "repoloom-gc", "default"),
        ("ServiceAccount", "repoloom-run", "default"),
    ]


def rights(role: dict[str, Any]) -> set[str]:
    """A role as `group/resource: verbs`."""
    assert all(rule.keys() == {"apiGroups", "resources", "verbs"} for rule in role["rules"])
    return {
        f"{group}/{resource}: {' '.join(rule['verbs'])}"
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_the_operator_may_do_this_and_nothing_else(smallest: Rendered) -> None:
    """The tests of the API tier run it with `RULES`, and so show that it is enough."""
    assert rights(smallest.one("ClusterRole", "repoloom-operator", None)) == {
        "repoloom.dev/datasetbuilds: get list watch",
        "repoloom.dev/datasetbuilds/status: patch",
        "repoloom.dev/finetunes: get list watch",
        "repoloom.dev/finetunes/status: patch",
        "argoproj.io/workflows: get list watch create patch",
        "/configmaps: create",
        "/namespaces: get",
        "events.k8s.io/events: create",
    }
    assert rights({"rules": RULES}) == rights(smallest.one("ClusterRole", "repoloom-operator", None))
    assert smallest.one("ClusterRoleBinding", "repoloom-operator", None)["subjects"] == [
        {"kind": "ServiceAccount", "name": "repoloom", "namespace": "repoloom"}
    ]


def test_with_namespaces_the_operators_rights_end_there(production: Rendered) -> None:
    assert production.kinds("ClusterRoleBinding") == []
    bound = [each for each in production.kinds("RoleBinding") if each["roleRef"]["kind"] == "ClusterRole"]
    assert [each["metadata"]["namespace"] for each in bound] == ["research"]
    operator = production.one("Deployment", "repoloom")["spec"]["template"]["spec"]["containers"][0]
    assert operator["args"] == ["--settings=/etc/repoloom/settings.yaml", "--namespace=research"]


def test_a_run_may_report_to_argo_and_nothing_else(trial: Rendered) -> None:
    for namespace in ("default", "research"):
        assert rights(trial.one("Role", SERVICE_ACCOUNT, namespace)) == {
            "argoproj.io/workflowtaskresults: create patch"
        }
        token = trial.one("Secret", f"{SERVICE_ACCOUNT}.service-account-token", namespace)
        assert token["metadata"]["annotations"]["kubernetes.io/service-account.name"] == SERVICE_ACCOUNT
        assert trial.one("ServiceAccount", SERVICE_ACCOUNT, namespace)["automountServiceAccountToken"] is False


def test_nobody_reads_secrets_or_grants_rights(trial: Rendered) -> None:
    granted = {right for role in trial.kinds("Role", "ClusterRole") for right in rights(role)}
    assert not [right for right in granted if re.search(r"/secrets|/roles|\*|impersonate|escalate|/nodes", right)]


@both
def test_every_pod_meets_the_level_restricted(helm: Path, values: Path) -> None:
    templates = dict(helm_template(helm, values).pod_templates())
    assert templates
    for name, template in templates.items():
        spec = template["spec"]
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"], name
        assert pod["runAsUser"] > 0, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"requests", "limits"} <= container["resources"].keys(), name
            assert "memory" in container["resources"]["limits"], name
        assert spec.keys().isdisjoint({"hostNetwork", "hostPID", "hostIPC"}), name


def test_only_the_operator_and_argo_carry_a_token(trial: Rendered) -> None:
    carrying = {
        name for name, template in trial.pod_templates() if template["spec"].get("automountServiceAccountToken", True)
    }
    assert carrying == {"Deployment repoloom", "Deployment repoloom-argo"}


def test_there_is_one_operator_with_probes_where_it_answers(smallest: Rendered) -> None:
    deployment = smallest.one("Deployment", "repoloom")["spec"]
    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})
    container = deployment["template"]["spec"]["containers"][0]
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}
    assert container["ports"] == [
        {"name": "health", "containerPort": 8080},
        {"name": "metrics", "containerPort": 9090},
    ]


def settings_of(rendered: Rendered) -> SettingsConfig:
    text = rendered.one("ConfigMap", "repoloom-settings")["data"]["settings.yaml"]
    return SettingsConfig.model_validate(yaml.safe_load(text))


def test_settings_arrive_as_they_were_written(production: Rendered) -> None:
    written = yaml.safe_load(PRODUCTION.read_text())["config"]
    head = {"apiVersion": "config.repoloom.dev/v1alpha1", "kind": "Settings"}
    assert settings_of(production) == SettingsConfig.model_validate(head | written)


def test_changed_settings_restart_the_operator(helm: Path, smallest: Rendered) -> None:
    changed = helm_template(helm, SMALLEST, {"config.defaults": {"shardPods": 2}})
    checksums = [
        each.one("Deployment", "repoloom")["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
        for each in (smallest, changed)
    ]
    assert checksums[0] != checksums[1]


@pytest.mark.parametrize(
    "store",
    [
        {"bucket": "bucket"},
        {"bucket": "bucket", "endpoint": "http://[fd00::1]:9000", "prefix": "a/b", "region": "eu-west-1"},
        {"bucket": "bucket", "endpoint": "https://s3.example.com/at?x=1&y=2", "addressing": "VirtualHosted"},
        {"bucket": "bucket", "prefix": "a b+c%d"},
    ],
    ids=["amazon", "address", "endpoint", "prefix"],
)
def test_the_garbage_collection_is_told_of_the_same_store_as_stages(helm: Path, store: dict[str, str]) -> None:
    rendered = helm_template(helm, SMALLEST, {"config.objectStore": store})
    job = rendered.one("CronJob", "repoloom-gc", "default")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    told = settings_of(rendered).object_store
    assert told is not None
    assert f"--store={told.url}" in job["containers"][0]["args"]


def test_the_bundled_store_is_the_settings_store_and_its_secret_is_everywhere(trial: Rendered) -> None:
    store = settings_of(trial).object_store
    assert store is not None
    assert store.endpoint == "http://repoloom-minio.repoloom.svc:9000"
    assert trial.one("Service", "repoloom-minio")["spec"]["ports"][0]["port"] == 9000
    for namespace in ("default", "research", "repoloom"):
        secret = trial.one("Secret", store.secret_name, namespace)["stringData"]
        assert secret.keys() == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    bucket = trial.one("Deployment", "repoloom-minio")["spec"]["template"]["spec"]["initContainers"][0]
    assert bucket["command"] == ["mkdir", "-p", f"/data/{store.bucket}"]


@pytest.mark.parametrize("keep", [True, False])
def test_crds_are_the_generated_ones_and_kept_if_wanted(helm: Path, keep: bool) -> None:
    wave = {"argocd.argoproj.io/sync-wave": "-2"}
    rendered = helm_template(helm, SMALLEST, {"crds": {"install": True, "keep": keep, "annotations": wave}})
    for kind in KINDS:
        wanted = crd(kind)
        found = rendered.one("CustomResourceDefinition", wanted["metadata"]["name"], None)
        assert found["spec"] == wanted["spec"]
        kept = {"helm.sh/resource-policy": "keep"} if keep else {}
        assert found["metadata"]["annotations"] == wave | kept


def test_without_crds_there_are_none(helm: Path) -> None:
    assert helm_template(helm, SMALLEST, {"crds.install": False}).kinds("CustomResourceDefinition") == []


def test_everything_but_crds_carries_the_common_annotations(helm: Path) -> None:
    wave = {"argocd.argoproj.io/sync-wave": "-1"}
    for each in helm_template(helm, TRIAL, {"commonAnnotations": wave}).documents:
        carried = each["metadata"].get("annotations") or {}
        assert (wave.items() <= carried.items()) == (each["kind"] != "CustomResourceDefinition"), each["metadata"]


def test_policies_let_a_store_pod_reach_names_the_api_and_the_store_alone(production: Rendered) -> None:
    policy = production.one("NetworkPolicy", "repoloom-store", "research")["spec"]
    assert policy["podSelector"] == {"matchExpressions": [{"key": "repoloom.dev/egress", "operator": "Exists"}]}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy
    assert [rule["to"] for rule in policy["egress"]] == [
        [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
        [{"ipBlock": {"cidr": "192.0.2.10/32"}}],
        [{"ipBlock": {"cidr": "198.51.100.0/24"}}],
    ]


def test_only_pods_that_collect_leave_the_cluster(production: Rendered) -> None:
    everywhere = [
        each
        for each in production.kinds("NetworkPolicy")
        for rule in each["spec"].get("egress", [])
        for peer in rule["to"]
        if peer.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]
    assert [each["spec"]["podSelector"] for each in everywhere] == [{"matchLabels": {"repoloom.dev/egress": "sources"}}]
    peers = everywhere[0]["spec"]["egress"][0]["to"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= {*peers[0]["ipBlock"]["except"]}
    assert {"ipBlock": {"cidr": "10.20.0.0/16"}} in peers


def test_every_pod_of_the_chart_has_a_policy(trial: Rendered) -> None:
    def chosen(labels: dict[str, str]) -> bool:
        return any(
            selector["matchLabels"].items() <= labels.items()
            if "matchLabels" in selector
            else selector["matchExpressions"][0]["key"] in labels
            for selector in (each["spec"]["podSelector"] for each in trial.kinds("NetworkPolicy"))
        )

    assert [name for name, template in trial.pod_templates() if not chosen(template["metadata"]["labels"])] == []


def test_the_dashboard_asks_for_metrics_that_exist(trial: Rendered) -> None:
    dashboard = json.loads(trial.one("ConfigMap", "repoloom-dashboard")["data"]["repoloom.json"])
    asked = {
        name
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(rf"{metrics.PREFIX}_\w+", target["expr"])
    }
    collected = [
        metrics.REQUESTS, metrics.LOOKS, metrics.LOOK_SECONDS, metrics.RUNS, metrics.STOPPED, metrics.ENDED,
        metrics.RESOURCES, metrics.QUEUED, metrics.DELAYED, metrics.RESYNC_TIME, metrics.WATCH_LAG,
    ]  # fmt: skip
    described = {family.name + suffix for one in collected for family in one.describe() for suffix in SUFFIXES}
    assert asked
    assert asked <= described


SUFFIXES = ("", "_total", "_bucket")
"""What Prometheus adds to the names of counters and histograms."""


def test_the_defaults_people_read_are_those_of_the_types() -> None:
    read = yaml.safe_load((CHART / "values.yaml").read_text())
    needed = {"operator": read["operator"] | {"image": "example.com/operator:1"}}
    values = ChartValues.model_validate(read | needed)
    shown = values.document()
    for name, value in read.items():
        field = next(f for n, f in ChartValues.model_fields.items() if (f.alias or n) == name)
        if not field.is_required():
            default = field.get_default(call_default_factory=True)
            plain = default.document() if hasattr(default, "document") else default
            assert shown[name] == (list(plain) if isinstance(plain, tuple) else plain), name
        assert value is not None, name


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"operator.imagePulPolicy": "Always"}, "operator"),
        ({"runNamespaces": ["Default"]}, "runNamespaces"),
        ({"gc.keepRuns": "3"}, "keepRuns"),
        ({"gc.schedule": "every day"}, "schedule"),
        ({"operator.image": None}, "image"),
        ({"operator.image": "two words"}, "image"),
        ({"config.pools": [{"name": "a100", "accelerator": {"resource": "nvidia.com/gpu"}}]}, "resource"),
        ({"config.connections": [{"name": "one", "web": {}, "hosts": []}]}, "hosts"),
        ({"config.objectStore": {"bucket": "b"}}, "bucket"),
        ({"config.objectStore": {"endpoint": "https://s3.example.com"}}, "bucket"),
        ({"config.apiVersion": "config.repoloom.dev/v2"}, "apiVersion"),
        ({"config.unknown": 1}, "unknown"),
        ({"config.objectStore": None}, "config.objectStore: where artifacts"),
        ({"config.images": None}, "config.images: the images"),
        ({"networkPolicies": {"enabled": True, "objectStore": ["192.0.2.0/24"]}}, "networkPolicies.apiServer"),
        ({"networkPolicies": {"enabled": True, "apiServer": ["192.0.2.0/24"]}}, "networkPolicies.objectStore"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_bad_values_are_refused_by_name(helm: Path, values: dict[str, Any], said: str) -> None:
    with pytest.raises(HelmRefused, match=re.escape(said)):
        helm_template(helm, SMALLEST, values)


def test_a_parent_chart_may_hand_global_values_down(helm: Path) -> None:
    assert helm_template(helm, SMALLEST, {"global": {"anything": 1}}).documents
