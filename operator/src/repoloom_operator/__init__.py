"""Repoloom's control plane: it watches DatasetBuild and FineTune and renders their plans into Argo Workflows.

`handlers` parse, call and report; `reconcile` decides; `render` writes Workflows; `cluster` alone talks to the API
server, `results` alone to the object store. What a task does is the stages' business.
"""
