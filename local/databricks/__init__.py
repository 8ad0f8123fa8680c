"""A stand-in for a Databricks workspace: Jobs and Files API, job runs as local Spark processes."""
