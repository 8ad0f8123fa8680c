"""Spark jobs and the pure transformations they share."""
