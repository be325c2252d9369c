"""The `repoloom` command: the same plans that the operator gives to Argo, run, shown and explained from a shell."""
