"""The same workspace for Azure ML's SDK v2: resources of Azure's resource manager."""
