"""Hooks, operators, sensors, triggers and links of the pipeline."""
