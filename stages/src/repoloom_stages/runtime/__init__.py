"""What surrounds a stage: the store, keys, credentials, progress, and the process that runs tasks."""
