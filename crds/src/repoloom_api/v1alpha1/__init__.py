"""The resources of `repoloom.dev/v1alpha1`: DatasetBuild and FineTune."""

from repoloom_api.v1alpha1.datasetbuild import DatasetBuild
from repoloom_api.v1alpha1.finetune import FineTune

__all__ = ["DatasetBuild", "FineTune"]
