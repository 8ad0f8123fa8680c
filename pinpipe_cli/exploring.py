"""Commands for those who explore the tables with tools of their own."""

from __future__ import annotations

from pinpipe_cli.chosen_environment import Env


def explore(env: Env = None) -> None:
    """Print SQL that opens the Delta tables in duckdb as views, by its own extension for Delta.

    It is of the tables that there are now, so it is to be printed anew when there are more, or they have other columns.
    Without a network: the notebook of `exploration/`, and `pinpipe query` and `pinpipe table`.
    """
    from include.settings import settings
    from pinpipe_cli.exploration import present_tables, views_sql

    lake = settings().lake_root
    print(views_sql(lake, present_tables(lake)), end="")


def dashboard(env: Env = None) -> None:
    """Print the questions as a Databricks dashboard in the environment's catalog, a `.lvdash.json` to be imported."""
    from include.settings import settings
    from pinpipe_cli import dashboard as definition

    print(definition.dashboard(settings().databricks_catalog), end="")
