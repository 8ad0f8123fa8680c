"""Sensors of the pipeline, one file per resource."""
