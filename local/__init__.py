"""What stands in for AWS and Databricks on one machine; never deployed."""
