"""What each command does, one module a command. Here is what several of them share."""

from pathlib import Path

from repoloom_api.settings import SettingsConfig
from repoloom_stages.runtime.artifact_store import ArtifactStore
from repoloom_stages.runtime.store import open_store

DEFAULT_STORE = "repoloom-store"
DEFAULT_OUT = Path("repoloom-out")


def open_artifacts(store: str, namespace: str, settings: SettingsConfig | None = None) -> ArtifactStore:
    """The store of the command line, or, where that was left at its default, of the settings."""
    if settings and settings.object_store and store == DEFAULT_STORE:
        store = settings.object_store.url
    return ArtifactStore(open_store(store), namespace)
