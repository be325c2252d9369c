"""What the real API server says to a document: the counterpart of `support.crd_validation`, in the same words."""

import json
import re
from typing import Any

import kubernetes
import yaml

from repoloom_api.schema import KINDS
from support.cluster.cluster import Cluster, Refused
from support.crd_validation import Answer

PLURALS = {kind.model.__name__: kind.plural for kind in KINDS}
RULES_LEFT_OUT = "<nil>"
"""The field of the note that rules were not tried, the schema being broken already."""
_UNKNOWN = re.compile(r'unknown field "((?:[^"\\]|\\.)*)"')


def offer(cluster: Cluster, namespace: str, document: Any) -> Answer:
    """Create one of our resources with strict validation, as a dry run."""
    api = kubernetes.client.CustomObjectsApi(cluster.client)
    apart = document["metadata"].get("namespace") if isinstance(document.get("metadata"), dict) else None
    try:
        stored = api.create_namespaced_custom_object(
            group="repoloom.dev",
            version="v1alpha1",
            namespace=apart if isinstance(apart, str) and apart else namespace,
            plural=PLURALS[document["kind"]],
            body=document,
            dry_run="All",
            field_validation="Strict",
        )
    except kubernetes.client.ApiException as error:
        explained = error.headers.get("Content-Type") == "application/json"  # not for an address that does not exist
        return Answer(document, _faults(json.loads(error.body)) if explained else ("",))
    return Answer(stored, ())


def kubectl_refuses(cluster: Cluster, namespace: str, document: Any) -> bool:
    """Whether kubectl says no to a file that holds a document, before or after it asks the API server."""
    options = ("--dry-run=server", "--validate=strict", f"--namespace={namespace}")
    try:
        cluster.kubectl("create", *options, "--filename=-", written=yaml.safe_dump(document))
    except Refused:
        return True
    return False


def _faults(status: Any) -> tuple[str, ...]:
    """The fields at fault, or "" for the whole document where the answer names none."""
    causes = {cause.get("field") for cause in status.get("details", {}).get("causes", ())} - {None, RULES_LEFT_OUT}
    unknown = [json.loads(f'"{field}"') for field in _UNKNOWN.findall(status["message"])]
    return tuple(sorted(causes.union(unknown))) or ("",)
