"""Reads posts from a SQL database and posts them through the API; makes posts of its own."""
