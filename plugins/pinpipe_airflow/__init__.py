"""Hooks, operators, sensors and triggers of the pipeline."""
