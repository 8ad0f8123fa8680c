"""Writes ``docs/configuration.md`` from the settings, the ports and the connections as the code declares them.

``python -m pinpipe_cli.configuration_page`` writes the page, ``--check`` only says whether it is up to date.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from include.settings import PREFIX, Settings, environment_file, environments
from local import ports
from local.home import ROOT
from local.process_environment import airflow_environment
from pinpipe_cli.generated_page import note, write_or_check
from pinpipe_cli.markdown import table

PAGE = ROOT / "docs" / "configuration.md"

_CONNECTION = "_conn_id"
_SEE_CONNECTIONS = "Id of an Airflow connection, see [Connections](#connections)."

# Variables that are no settings of the pipeline: they are read before there are any, or by the local world alone.
_USERS_VARIABLES = (
    ("PINPIPE_HOME", "`.pinpipe` in the checkout", "State folder of the local world: data, logs, secrets."),
    ("PINPIPE_PORT_OFFSET", "`0`", "Whole number that is added to every port of the local world, see below."),
    (
        "PINPIPE_BIND",
        "`127.0.0.1`",
        "Address on which the local Airflow's web server listens; everything else stays on loopback.",
    ),
    (
        "PINPIPE_SOURCE_URL",
        "the embedded PostgreSQL",
        "SQLAlchemy URL of your own source database, for the local world and `pinpipe source`. It may hold a password: "
        "only the connection made from it is handed on.",
    ),
    (
        "PINPIPE_DEBUG",
        "not set",
        "Set to anything, `pinpipe` shows the whole traceback of an error, as `pinpipe --debug` does.",
    ),
    ("JAVA_HOME", "the `java` on `PATH`", "Java 17 or 21, for the local Kafka and Spark."),
    (
        "AWS_CA_BUNDLE",
        "none",
        "File of certificates that AWS clients trust; the only `AWS_*` variable that the local world takes over.",
    ),
    ("PINPIPE_TEST_PORT_OFFSET", "`1000`", "Port offset of `make test`."),
    (
        "PINPIPE_REAL_POSTS",
        "none: generated posts",
        "Folder of real posts for the end-to-end tests: `pinterest_data.jsonl`, `geolocation_data.csv`, "
        "`user_data.csv`.",
    ),
    (
        "PINPIPE_SCREENSHOTS",
        "none: no pictures",
        "Folder into which the browser tests write the docs' pictures; `make screenshots` sets it.",
    ),
)

# What the local world sets for its own processes; a value of the caller's has no effect there.
_WORLDS_VARIABLES = (
    ("PINPIPE_KAFKA_REST_URL", "where its REST proxy listens"),
    ("PINPIPE_API_URL_FORMAT", "where its gateway listens"),
    ("PINPIPE_KAFKA_BOOTSTRAP", "the brokers' address, for the REST proxy and the sink"),
    ("PINPIPE_CONNECT_USER", "who may use the sink's REST API"),
    ("PINPIPE_CONNECT_PASSWORD", "with which password"),
    ("PINPIPE_DATABRICKS_TOKEN", "the token that the Databricks stand-in asks for"),
    ("PINPIPE_DATABRICKS_STATE", "marks the processes of Spark jobs, so that a restart finds those left over"),
    ("PINPIPE_WORLD", "marks all processes of a world, so that `pinpipe down` finds them"),
)

_LISTENERS = {
    "airflow": "Airflow: UI and API",
    "gateway": "stand-in of API Gateway: control plane and invoke URL",
    "supervisor": "supervisor: starts and restarts the services",
    "kafka_rest": "stand-in of the Kafka REST proxy",
    "connect": "stand-in of Kafka Connect: REST API of the sink",
    "databricks": "stand-in of Databricks: Jobs and Files APIs, run pages",
    "kafka": "Kafka broker",
    "kafka_controller": "Kafka's own controller",
    "postgres": "PostgreSQL: Airflow's metadata, the source database",
    "ministack": "ministack: S3 and AWS' control planes",
}


def other_variables() -> set[str]:
    """Return the names of the variables that are no settings."""
    return {name for name, *_ in (*_USERS_VARIABLES, *_WORLDS_VARIABLES)}


def page() -> str:
    """Return the page's text, as it is for whoever sets no variable at all."""
    return (
        "\n\n".join(
            [
                "# Configuration",
                note("the code", "`include/settings.py`"),
                "A setting comes from its variable, then from `include/environments/<PINPIPE_ENV>.yaml`, then from the "
                "default. An empty variable counts as one that is not set, so it does not undo a line of the file: to "
                "do that, remove the line. A value that cannot be is refused when a DAG file is parsed or a command "
                "starts; the message names the variable, the value and the way out.",
                "Secrets are no settings: they live in Airflow's connections. AWS endpoints are set by botocore's own "
                "`AWS_ENDPOINT_URL` variables alone.",
                "## Settings",
                "Below a default stands the value of each environment that has another.",
                table(
                    (
                        "setting",
                        "variable",
                        "type",
                        "default",
                        "allowed",
                        "meaning",
                    ),
                    _settings(),
                ),
                "## Connections",
                "What the DAGs ask Airflow for, from `AIRFLOW_CONN_<ID>` variables or a secrets backend. The ids are "
                "settings. The local world makes them as shown, with the secrets of its state folder.",
                table(("connection", "setting", "meaning", "in the local world"), _connections()),
                "## Other variables",
                table(("variable", "default", "meaning"), [(f"`{name}`", *rest) for name, *rest in _USERS_VARIABLES]),
                "The local world sets these for its own processes; setting them yourself has no effect there:",
                table(("variable", "what it is"), [(f"`{name}`", text) for name, text in _WORLDS_VARIABLES]),
                "## Ports of the local world",
                "All on 127.0.0.1; `PINPIPE_PORT_OFFSET` is added to each.",
                table(("service", "port", "what listens"), _ports()),
            ]
        )
        + "\n"
    )


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with ``--check`` compare it with what is there; return the exit code."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        del os.environ[name]  # the page tells nobody's own settings
    return write_or_check(PAGE, page(), arguments, said_by="the code declares")


def _settings() -> Iterable[tuple[str, ...]]:
    files = {name: environment_file(name) for name in environments()}
    for name, described in Settings.model_json_schema()["properties"].items():
        kinds = described.get("anyOf", [described])
        kind = next(kind for kind in kinds if kind["type"] != "null")
        defaults = [_value(described["default"])]
        defaults += [
            f"{file}: {_value(lines[name])}"
            for file, lines in files.items()
            if lines.get(name, described["default"]) != described["default"]
        ]
        yield (
            f"`{name}`",
            f"`{PREFIX}{name.upper()}`",
            kind["type"],
            "<br>".join(defaults),
            ", ".join(f"`{known}`" for known in files) if name == "env" else _allowed(kind),
            _SEE_CONNECTIONS if name.endswith(_CONNECTION) else described["description"],
        )


def _value(value: Any) -> str:
    return {None: "not set", "": "empty"}.get(value, f"`{value}`")


def _allowed(kind: dict[str, Any]) -> str:
    bounds = [
        text.format(kind[key])
        for key, text in (
            ("minimum", "at least {:,}"),
            ("exclusiveMinimum", "more than {:,}"),
            ("maximum", "at most {:,}"),
            ("pattern", "`{}`"),
        )
        if key in kind
    ]
    return ", ".join(bounds) or "any"


def _connections() -> Iterable[tuple[str, ...]]:
    local = airflow_environment(defaultdict(lambda: "<secret>"))
    for name, field in Settings.model_fields.items():
        if name.endswith(_CONNECTION):
            shape = json.loads(local[f"AIRFLOW_CONN_{str(field.default).upper()}"])
            yield f"`{field.default}`", f"`{name}`", str(field.description), f"`{json.dumps(shape)}`"


def _ports() -> Iterable[tuple[str, ...]]:
    for service in ports.services():
        yield service, str(ports.port(service)), _LISTENERS[service]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
