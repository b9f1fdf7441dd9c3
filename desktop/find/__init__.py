"""Finding objects and parts without labels: the Run panel, its jobs and previews."""
