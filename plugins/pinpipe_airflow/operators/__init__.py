"""Operators of the pipeline, one file per resource."""
