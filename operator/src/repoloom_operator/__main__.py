"""The operator's process: `repoloom-operator --settings FILE`."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import kopf
import yaml
from prometheus_client import start_http_server
from pydantic import ValidationError

from repoloom_api.resources import field_path
from repoloom_api.settings import SettingsConfig
from repoloom_operator.operation import operate
from repoloom_operator.render import missing_settings

EXIT_BAD_INPUT = 64

logger = logging.getLogger("repoloom_operator")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until a signal, or until a watch or a part of the operator dies: then with an exit code that is not 0."""
    options = _parser().parse_args(arguments)
    kopf.configure(log_format=kopf.LogFormat.JSON)
    # kopf says at every event that a handler succeeded.
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    settings = _settings(options.settings)
    start_http_server(options.metrics_port)
    asyncio.run(operate(settings, options.namespace, options.health_port))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="repoloom-operator", description="Builds what DatasetBuilds and FineTunes ask for."
    )
    parser.add_argument("--settings", type=Path, required=True, help="the settings, as YAML")
    parser.add_argument("--namespace", action="append", default=[], help="serve this namespace only; may be repeated")
    parser.add_argument("--health-port", type=int, default=8080, help="port of /healthz and /readyz")
    parser.add_argument("--metrics-port", type=int, default=9090, help="port of /metrics")
    return parser


def _settings(path: Path) -> SettingsConfig:
    """The settings in a file. Exits with every fault in them."""
    try:
        settings = SettingsConfig.model_validate(yaml.safe_load(path.read_text()), by_name=False)
    except ValidationError as error:
        faults = [f"{field_path(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_url=False)]
    except (OSError, yaml.YAMLError) as error:
        faults = [str(error)]
    else:
        faults = missing_settings(settings)
    for fault in faults:
        print(f"{path}: {fault}", file=sys.stderr)
    if faults:
        sys.exit(EXIT_BAD_INPUT)
    return settings


if __name__ == "__main__":
    main()
