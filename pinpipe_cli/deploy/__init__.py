"""Deployments to MWAA and Databricks: what is in one, where it goes, how it is seen to work, and the way back."""
