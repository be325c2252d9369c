"""What runs in a cluster before any test: names, Argo, an object store, and a git server for tests' repositories."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from repoloom_api.artifacts import canonical_json, sha256_of
from support.cluster.certificates import DAYS, Authority, Pair
from support.cluster.cluster import Cluster, argo_manifests
from support.cluster.forwarding import forwarded
from support.cluster.images import ARGO_CONTROLLER, ARGO_EXECUTOR, OwnImage
from support.cluster.layout import ACCELERATOR, POOL_LABEL
from support.repositories import Repository
from support.s3_server import BUCKET, S3Server, make_bucket

MANIFESTS = Path(__file__).parent / "manifests"
GIT_SERVER = Path(__file__).parents[1] / "git_server.py"
NAMESPACE = "repoloom-test"
ARGO_NAMESPACE = "argo"
ROLLOUT_SECONDS = 180

STORE = {"endpoint": f"http://minio.{NAMESPACE}.svc:9000", "bucket": BUCKET}
"""The object store, as settings name it."""
STORE_CREDENTIAL = {"AWS_ACCESS_KEY_ID": "repoloom-test", "AWS_SECRET_ACCESS_KEY": "only-for-tests"}
GIT_HOST = f"git.{NAMESPACE}.svc"
TRUSTING = "localhost/repoloom/stages-trusting:test"
"""The image of the stages that also trusts the git server."""


def install_name_service(cluster: Cluster, image: str) -> None:
    cluster.apply(*_documents("coredns.yaml", IMAGE=image))


def install_argo(cluster: Cluster) -> None:
    """Argo's controller for every namespace, from the manifests of its own release; no server, no web pages."""
    manifests = argo_manifests()
    minimal = sorted((manifests / "base/crds/minimal").glob("argo*.yaml"))
    workflows = "argoproj.io_workflows.yaml"
    files = [manifests / "base/crds/full" / workflows, *(file for file in minimal if file.name != workflows)]
    cluster.apply_files(*files)
    documents = yaml.safe_load_all(cluster.kubectl("kustomize", manifests / "cluster-install-no-crds"))
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ARGO_NAMESPACE}})
    cluster.apply(*(_adapted(one) for one in documents if not one["metadata"]["name"].startswith("argo-server")))


def install_services(cluster: Cluster, minio: str, git_authority: Authority) -> None:
    """The object store with its bucket, and the git server, which runs from the image of the stages."""
    cluster.make_namespace(NAMESPACE)
    metadata = {"name": "git-server", "namespace": NAMESPACE}
    program = {GIT_SERVER.name: GIT_SERVER.read_text()}
    pair = _certificate(git_authority)
    shown = {"tls.crt": pair.certificate.read_text(), "tls.key": pair.key.read_text()}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": program},
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": shown},
    )
    content = sha256_of(canonical_json([program, shown]))
    access_key, secret_key = STORE_CREDENTIAL.values()
    cluster.apply(
        *_documents("minio.yaml", IMAGE=minio, ACCESS_KEY=access_key, SECRET_KEY=secret_key),
        *_documents("git.yaml", IMAGE=TRUSTING, CONTENT=content),
    )
    for namespace, deployment in (
        (NAMESPACE, "minio"),
        (NAMESPACE, "git"),
        (ARGO_NAMESPACE, "workflow-controller"),
    ):
        rolled_out(cluster, namespace, deployment)
    with store(cluster) as server:
        make_bucket(server)


def rolled_out(cluster: Cluster, namespace: str, deployment: str) -> None:
    """Wait until a Deployment's pods are ready. Raises Refused when they take too long."""
    options = (f"--namespace={namespace}", f"--timeout={ROLLOUT_SECONDS}s")
    cluster.kubectl("rollout", "status", f"deployment/{deployment}", *options, seconds=ROLLOUT_SECONDS + 10)


def show_accelerator(cluster: Cluster) -> None:
    """Report one accelerator in the status of the pool's node, as a device plugin would, and wait until it counts."""
    patch = json.dumps({"status": {"capacity": {ACCELERATOR: "1"}}})
    for node in pool_nodes(cluster):
        cluster.kubectl("patch", "node", node, "--subresource=status", "--type=merge", f"--patch={patch}")
        deadline = time.monotonic() + ROLLOUT_SECONDS
        while cluster.get("node", node)["status"]["allocatable"].get(ACCELERATOR) != "1":
            assert time.monotonic() < deadline, f"{node} does not offer its accelerator"
            time.sleep(0.5)


def pool_nodes(cluster: Cluster) -> list[str]:
    """The names of the nodes with accelerators."""
    return [node["metadata"]["name"] for node in cluster.get("nodes", f"--selector={POOL_LABEL}")["items"]]


@contextmanager
def store(cluster: Cluster) -> Iterator[S3Server]:
    """The cluster's object store, as this machine reaches it until the block ends."""
    with forwarded(cluster, NAMESPACE, "minio", 9000) as port:
        yield S3Server(port, *STORE_CREDENTIAL.values())


def publish(cluster: Cluster, repository: Repository, name: str) -> str:
    """Put a repository's `main` on the git server; the URL that pods fetch it from."""
    path = f"/repositories/{name}.git"
    execute = ("exec", f"--namespace={NAMESPACE}", "deployment/git", "--", "git")
    cluster.kubectl(*execute, "init", "--quiet", "--bare", "--initial-branch=main", path)
    cluster.kubectl(*execute, "-C", path, "config", "http.receivepack", "true")
    with forwarded(cluster, NAMESPACE, "git", 443) as port:
        url = f"https://127.0.0.1:{port}/{name}.git"  # for which its certificate does not stand
        repository.git("-c", "http.sslVerify=false", "push", "--quiet", "--force", url, "main")
    return f"https://{GIT_HOST}/{name}.git"


def trusting(git_authority: Authority) -> OwnImage:
    """What is built on the image of the stages, so that they trust the git server."""
    return OwnImage(TRUSTING, MANIFESTS / "trusting.Dockerfile", git_authority.folder)


def git_authority(folder: Path) -> Authority:
    """Who signs for the git server. It is kept, and its image with it, for half of the time that it is good for."""
    authority = Authority(folder / "git-authority")
    certificate = authority.pair.certificate
    if certificate.exists() and time.time() - certificate.stat().st_mtime > DAYS * 86_400 / 2:
        shutil.rmtree(authority.folder)
    authority.create()
    return authority


def _certificate(authority: Authority) -> Pair:
    """The git server's certificate; with another, its pod would be made anew and forget every repository."""
    pair = Pair(authority.folder / f"{GIT_HOST}.crt", authority.folder / f"{GIT_HOST}.key")
    return pair if pair.key.exists() else authority.issue(GIT_HOST, GIT_HOST, hosts=(GIT_HOST,))


def _documents(file: str, **values: str) -> list[Any]:
    """The documents of a manifest, with words in capitals replaced."""
    text = (MANIFESTS / file).read_text()
    for word, value in values.items():
        text = text.replace(word, value)
    return list(yaml.safe_load_all(text))


def _adapted(document: Any) -> Any:
    """One of Argo's manifests, with the images of this version and without its pauses of ten seconds between steps."""
    if document["kind"] == "Deployment":
        (container,) = document["spec"]["template"]["spec"]["containers"]
        container["image"] = ARGO_CONTROLLER
        container["args"] = ["--executor-image", ARGO_EXECUTOR]
        container["env"].append({"name": "DEFAULT_REQUEUE_TIME", "value": "1s"})
    return document
