"""Steps into an Argo Workflow: the one place that knows Argo's types, in fields that 3.7 and 4.1 both have.

Artifacts go through the object store and never through Argo's. What a Workflow says about a run is which pods there
are, in which order, and what is tried again.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from argo_workflows import models as argo
from argo_workflows.model_utils import model_to_dict

from repoloom_api.settings import Images, ObjectStore, Pool, SettingsConfig
from repoloom_operator import labels
from repoloom_operator.render import pods
from repoloom_operator.render.steps import Kind, Step
from repoloom_operator.run import Run

ENTRY: Final = "run"
SERVICE_ACCOUNT: Final = "repoloom-run"
"""In every namespace that runs are in. Argo mounts its token, which is in the Secret
`repoloom-run.service-account-token`, into its own two containers and no other:
https://argo-workflows.readthedocs.io/en/latest/service-accounts/"""
USER: Final = 65532
"""Whom every container of a pod runs as, Argo's too, so that they can read each other's files."""

RETRIES: Final = 10
BACKOFF_SECONDS: Final = 5
LONGEST_BACKOFF_SECONDS: Final = 300

WORTH_RETRYING: Final = (
    "lastRetry.exitCode == '75'",
    # A pod that is deleted gets SIGTERM first. Argo's emissary, which is the container's first process, then ends
    # with 137 or 143, and the controller may see that before it sees the pod gone.
    "(lastRetry.exitCode in ['137', '143'] && not (lastRetry.message matches '^main: OOMKilled'))",
    # Argo's own containers, and pods that were taken away. Anchored, since what follows `main:` is a stage's text.
    "lastRetry.message matches '^(pod deleted|init: |wait: )'",
    "lastRetry.message matches '^(Pod was (terminated in response to imminent node shutdown|rejected)|Preempted)'",
    "lastRetry.message matches '^The node (was low on resource|had condition)'",
)
"""What a stage calls temporary (exit 75), and the loss of a pod: any of these, in Argo's expression language."""

_LOCKED_DOWN: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_ANYWHERE: Final = Pool(name="any")
"""What a pod asks for where the settings have no pools."""


@dataclass(frozen=True)
class Target:
    """Where a run goes, as the cluster's owner set it up."""

    settings: SettingsConfig
    images: Images
    store: ObjectStore
    config_map: str
    """Name of the one with the plan."""


def workflow(steps: tuple[Step, ...], run: Run, metadata: dict[str, Any], target: Target) -> dict[str, Any]:
    """The Workflow of a run, as Kubernetes takes it."""
    spec = _model(
        argo.IoArgoprojWorkflowV1alpha1WorkflowSpec,
        entrypoint=ENTRY,
        service_account_name=SERVICE_ACCOUNT,
        automount_service_account_token=False,
        executor=_model(argo.IoArgoprojWorkflowV1alpha1ExecutorConfig, service_account_name=SERVICE_ACCOUNT),
        archive_logs=False,
        pod_gc=_model(argo.IoArgoprojWorkflowV1alpha1PodGC, strategy="OnPodSuccess"),
        ttl_strategy=_model(
            argo.IoArgoprojWorkflowV1alpha1TTLStrategy,
            seconds_after_completion=target.settings.defaults.workflow_ttl_seconds,
        ),
        pod_metadata=_model(argo.IoArgoprojWorkflowV1alpha1Metadata, labels=metadata["labels"]),
        security_context=_pod_security(),
        pod_spec_patch=_restrict_argos_containers(),
        templates=[_dag(steps), *(_template(step, steps, run, target) for step in steps)],
    )
    document: dict[str, Any] = model_to_dict(spec, serialize=True)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": run.name, **metadata},
        "spec": document,
    }


def _model(kind: Any, **fields: Any) -> Any:
    """One of Argo's types, unset fields left out. Its own constructors take any name for a field, misspelt ones too."""
    unknown = fields.keys() - kind.attribute_map.keys()
    if unknown:
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(unknown))}")
    return kind(**{name: value for name, value in fields.items() if value is not None})


def _dag(steps: tuple[Step, ...]) -> Any:
    return _model(
        argo.IoArgoprojWorkflowV1alpha1Template,
        name=ENTRY,
        dag=_model(argo.IoArgoprojWorkflowV1alpha1DAGTemplate, tasks=[_dag_task(step, steps) for step in steps]),
    )


def _dag_task(step: Step, steps: tuple[Step, ...]) -> Any:
    by_name = {other.name: other for other in steps}
    prepared_by = next((other.name for other in steps if other.prepares == step.name), None)
    shards = step.kind is Kind.SHARDS
    return _model(
        argo.IoArgoprojWorkflowV1alpha1DAGTask,
        name=step.name,
        template=step.name,
        depends=" && ".join(_done(by_name[name]) for name in step.after) or None,
        with_param=_output(prepared_by, pods.SHARDS_PARAMETER) if shards else None,
        arguments=_shards_argument() if shards else None,
        when=f"{_output(prepared_by, pods.MISSING_PARAMETER)} == true" if step.kind is Kind.ACCELERATE else None,
    )


def _done(step: Step) -> str:
    """No shard at all, or nothing to accelerate, and Argo skips the step."""
    if step.kind in (Kind.SHARDS, Kind.ACCELERATE):
        return f"({step.name}.Succeeded || {step.name}.Skipped)"
    return f"{step.name}.Succeeded"


def _output(step: str | None, parameter: str) -> str:
    return f"{{{{tasks.{step}.outputs.parameters.{parameter}}}}}"


def _shards_argument() -> Any:
    parameter = _model(argo.IoArgoprojWorkflowV1alpha1Parameter, name=pods.SHARDS_PARAMETER, value="{{item}}")
    return _model(argo.IoArgoprojWorkflowV1alpha1Arguments, parameters=[parameter])


def _template(step: Step, steps: tuple[Step, ...], run: Run, target: Target) -> Any:
    pool = (target.settings.pool(step.pool) if step.pool else None) or _ANYWHERE
    return _model(
        argo.IoArgoprojWorkflowV1alpha1Template,
        name=step.name,
        metadata=_model(argo.IoArgoprojWorkflowV1alpha1Metadata, labels=_pod_labels(step, run)),
        inputs=_inputs(step),
        outputs=_outputs(step, steps),
        node_selector=dict(pool.node_selector) or None,
        tolerations=[_model(argo.Toleration, **one.model_dump(mode="json")) for one in pool.tolerations] or None,
        priority_class_name=pool.priority_class_name,
        retry_strategy=_retries(),
        volumes=_volumes(step, target, pool),
        container=_container(step, steps, run, target, pool),
    )


def _pod_labels(step: Step, run: Run) -> dict[str, str]:
    result = {labels.STEP: step.kind.value, labels.EGRESS: "sources" if step.reaches_sources else "store"}
    if step.kind is Kind.ACCELERATE and run.queue:
        result[labels.QUEUE] = run.queue
    return result


def _inputs(step: Step) -> Any:
    if step.kind is not Kind.SHARDS:
        return None
    parameter = _model(argo.IoArgoprojWorkflowV1alpha1Parameter, name=pods.SHARDS_PARAMETER)
    return _model(argo.IoArgoprojWorkflowV1alpha1Inputs, parameters=[parameter])


def _outputs(step: Step, steps: tuple[Step, ...]) -> Any:
    """What a step found out for one that follows. Without a default, a pod that failed would fail once more over it."""
    found = {
        Kind.SHARDS: (pods.SHARDS_PARAMETER, pods.SHARD_GROUPS_FILE, "[]"),
        Kind.ACCELERATE: (pods.MISSING_PARAMETER, pods.MISSING_FILE, "true"),
    }
    prepared = next((other for other in steps if other.name == step.prepares), None)
    if prepared is None:
        return None
    name, path, default = found[prepared.kind]
    source = _model(argo.IoArgoprojWorkflowV1alpha1ValueFrom, path=path, default=default)
    parameter = _model(argo.IoArgoprojWorkflowV1alpha1Parameter, name=name, value_from=source)
    return _model(argo.IoArgoprojWorkflowV1alpha1Outputs, parameters=[parameter])


def _retries() -> Any:
    return _model(
        argo.IoArgoprojWorkflowV1alpha1RetryStrategy,
        limit=str(RETRIES),
        retry_policy="Always",
        expression=" || ".join(WORTH_RETRYING),
        backoff=_model(
            argo.IoArgoprojWorkflowV1alpha1Backoff,
            duration=f"{BACKOFF_SECONDS}s",
            factor="2",
            cap=f"{LONGEST_BACKOFF_SECONDS}s",
        ),
    )


def _container(step: Step, steps: tuple[Step, ...], run: Run, target: Target, pool: Pool) -> Any:
    return _model(
        argo.Container,
        name="main",
        image=target.images.train if step.kind is Kind.ACCELERATE else target.images.stages,
        command=["repoloom-stage"],
        args=pods.command(step, steps, run.name, target.store),
        env=_environment(target.store),
        resources=_resources(step, pool),
        security_context=_model(
            argo.SecurityContext,
            allow_privilege_escalation=False,
            capabilities=_model(argo.Capabilities, drop=["ALL"]),
            read_only_root_filesystem=True,
        ),
        volume_mounts=[
            _model(argo.VolumeMount, name="scratch", mount_path=pods.SCRATCH_FOLDER),
            _model(argo.VolumeMount, name="plan", mount_path=pods.PLAN_FOLDER, read_only=True),
            *(
                _model(argo.VolumeMount, name=one.volume, mount_path=one.folder, read_only=True)
                for one in pods.secret_folders(step, target.settings)
            ),
        ],
    )


def _environment(store: ObjectStore) -> list[Any]:
    folders = [
        _model(argo.EnvVar, name="HOME", value=pods.SCRATCH_FOLDER),
        _model(argo.EnvVar, name="TMPDIR", value=pods.SCRATCH_FOLDER),
    ]
    return folders + [
        _model(
            argo.EnvVar,
            name=key,
            value_from=_model(
                argo.EnvVarSource, secret_key_ref=_model(argo.SecretKeySelector, name=store.secret_name, key=key)
            ),
        )
        for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    ]


def _resources(step: Step, pool: Pool) -> Any:
    limits = {"memory": pool.memory}
    if step.kind is Kind.ACCELERATE and pool.accelerator:
        limits[pool.accelerator.resource_name] = "1"
    return _model(argo.ResourceRequirements, requests={"cpu": pool.cpu, "memory": pool.memory}, limits=limits)


def _volumes(step: Step, target: Target, pool: Pool) -> list[Any]:
    """Scratch, the plan, and the Secrets of connections, each of which may be missing: access is anonymous then."""
    plan = _model(argo.ConfigMapVolumeSource, name=target.config_map)
    return [
        _model(argo.Volume, name="scratch", empty_dir=_model(argo.EmptyDirVolumeSource, size_limit=pool.scratch)),
        _model(argo.Volume, name="plan", config_map=plan),
        *(
            _model(
                argo.Volume,
                name=one.volume,
                secret=_model(argo.SecretVolumeSource, secret_name=one.secret, optional=True),
            )
            for one in pods.secret_folders(step, target.settings)
        ),
    ]


def _pod_security() -> Any:
    return _model(
        argo.PodSecurityContext,
        run_as_non_root=True,
        run_as_user=USER,
        run_as_group=USER,
        fs_group=USER,
        seccomp_profile=_model(argo.SeccompProfile, type="RuntimeDefault"),
    )


def _restrict_argos_containers() -> str:
    """A patch, since a Workflow has no field for it: Argo takes its containers' context from its own configuration,
    which by default has none, and a namespace at the level `restricted` would refuse the pods.
    """
    patch = {
        "initContainers": [{"name": "init", "securityContext": _LOCKED_DOWN}],
        "containers": [{"name": "wait", "securityContext": _LOCKED_DOWN}],
    }
    return json.dumps(patch, sort_keys=True)
