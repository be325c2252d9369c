"""What Prometheus is told, all under `repoloom_operator_`."""

from prometheus_client import Counter, Gauge, Histogram

PREFIX = "repoloom_operator"

REQUESTS = Counter(
    f"{PREFIX}_api_requests_total", "Requests to the API server; code 0: no answer", ["verb", "resource", "code"]
)
LOOKS = Counter(f"{PREFIX}_reconciles_total", "Looks at resources, by how they went", ["kind", "result"])
LOOK_SECONDS = Histogram(
    f"{PREFIX}_reconcile_seconds",
    "How long a look took",
    ["kind"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
RUNS = Counter(f"{PREFIX}_runs_started_total", "Workflows that were created", ["kind"])
STOPPED = Counter(f"{PREFIX}_runs_stopped_total", "Workflows that were stopped", ["kind"])
ENDED = Counter(f"{PREFIX}_runs_ended_total", "Runs that ended, by the reason status gives", ["kind", "reason"])
RESOURCES = Gauge(
    f"{PREFIX}_resources", "Resources, by kind and the reason of their condition Ready", ["kind", "reason"]
)
QUEUED = Gauge(f"{PREFIX}_queue_length", "Resources that wait to be looked at now")
DELAYED = Gauge(f"{PREFIX}_queue_delayed", "Resources that are to be looked at later")
RESYNC_TIME = Gauge(f"{PREFIX}_last_resync_timestamp_seconds", "When everything was last listed")
WATCH_LAG = Gauge(f"{PREFIX}_watch_lag_seconds", "For how long the watch of a kind has missed a change", ["kind"])


def count_request(verb: str, resource: str, code: int) -> None:
    """Count an answer of the API server."""
    REQUESTS.labels(verb, resource, code).inc()
