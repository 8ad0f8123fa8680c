"""Kafka Connect's REST API with one plugin: a sink to S3 that takes the Confluent S3 sink's configuration."""
