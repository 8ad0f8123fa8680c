"""The page *Pipeline* in Airflow's UI: both paths as they are now, the last days, and what was quarantined and why.

It reads receipts, Airflow's own database, and asks Kafka, Kinesis and Databricks with little patience; never Delta.
"""
