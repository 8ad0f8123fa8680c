"""requirements.txt by the rules of MWAA, and against what the deployed files import."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local.other_pins import pins

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = (ROOT / "requirements.txt").read_text()
CONSTRAINTS = sorted((ROOT / "locks").glob("constraints-airflow-*.txt"))
DEPLOYED = ("dags", "plugins", "include", "emulator")

# What MWAA does not let requirements.txt change, by name; of any version, so that a new image needs no other file:
# https://github.com/aws/amazon-mwaa-docker-images, images/airflow/*/etc/mwaa_essential_constraints.txt
ESSENTIAL = {
    "apache-airflow",
    "billiard",
    "celery",
    "flask",
    "flask-appbuilder",
    "flask-babel",
    "flask-bcrypt",
    "flask-caching",
    "flask-jwt-extended",
    "flask-limiter",
    "flask-login",
    "flask-session",
    "flask-sqlalchemy",
    "flask-wtf",
    "fluent-logger",
    "gevent",
    "greenlet",
    "gunicorn",
    "kombu",
    "sqlalchemy",
    "sqlalchemy-utils",
    "statsd",
    "vine",
    "watchtower",
}
# Too large to be installed in time, and of no use where Spark runs on Databricks.
SPARK = {"databricks-connect", "delta-spark", "findspark", "pyspark", "pyspark-client", "pyspark-connect"}
# Comes with the other, which cannot be installed without it.
PART_OF = {
    "attrs": "apache-airflow-core",
    "botocore": "boto3",
    "fastapi": "apache-airflow-core",
    "markupsafe": "jinja2",
    "packaging": "apache-airflow-core",
    "pydantic": "pydantic-settings",
    "pydantic-core": "pydantic-settings",
    "starlette": "apache-airflow-core",
    "urllib3": "requests",
}


def requirements() -> dict[str, Requirement]:
    lines = (line.split(" #")[0].strip() for line in REQUIREMENTS.splitlines())
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(each.name): each for each in found}


def modules_imported(path: Path) -> Iterator[str]:
    """Yield what a file imports when it is run, in functions too, and not what is for type checkers alone."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            waiting += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        waiting += ast.iter_child_nodes(node)


def third_party() -> dict[str, list[str]]:
    """Return the modules of others that deployed files import, with one of the files."""
    own = {"pinpipe_airflow", *DEPLOYED}
    found: dict[str, list[str]] = {}
    for path in (path for folder in DEPLOYED for path in (ROOT / folder).rglob("*.py")):
        for module in modules_imported(path):
            if module.split(".")[0] not in own | sys.stdlib_module_names:
                found.setdefault(module, []).append(str(path.relative_to(ROOT)))
    return found


def distributions(module: str) -> set[str]:
    """Return the packages that a module may be of."""
    if provider := re.match(r"airflow\.providers\.(apache\.\w+|\w+)", module):
        return {f"apache-airflow-providers-{provider[1].replace('.', '-')}"}
    return {canonicalize_name(name) for name in _packages().get(module.split(".")[0], [])}


@cache
def _packages() -> Mapping[str, list[str]]:
    return packages_distributions()  # reads what each installed package says of itself


def test_no_package_is_named_that_mwaa_keeps_at_its_own_version() -> None:
    assert not {name for name, each in requirements().items() if name in ESSENTIAL and each.specifier}
    assert "apache-airflow" not in requirements()


def test_spark_is_not_installed() -> None:
    assert not SPARK & set(requirements())


def test_mwaa_takes_its_own_constraints() -> None:
    """It looks for these anywhere in the file, in comments too, and else adds the constraints of its Airflow."""
    assert not re.search(r"-c |--constraint ", REQUIREMENTS)
    assert not re.search(r"^\s*-", REQUIREMENTS, re.MULTILINE)


@pytest.mark.parametrize("constraints", CONSTRAINTS, ids=lambda path: path.stem)
def test_each_package_has_one_version_the_constraints_or_its_own(constraints: Path) -> None:
    known = pins(constraints.read_text().splitlines())
    for name, each in requirements().items():
        exact = [specifier.version for specifier in each.specifier if specifier.operator == "=="]
        assert name in known or exact, f"{name}: the constraints leave it open, so its version is to be here"
        assert not exact or known.get(name, *exact) == exact[0], f"{each}: the constraints have {known[name]}"


def test_a_version_is_only_named_where_airflows_constraints_leave_it_open() -> None:
    """One that is named here would keep a newer image of MWAA from its own."""
    known = pins((ROOT / "locks" / "constraints-airflow-3.3.1-py3.12.txt").read_text().splitlines())
    assert not {name for name, each in requirements().items() if each.specifier and name in known}


def test_every_package_that_deployed_files_import_is_named() -> None:
    named = set(requirements())
    missing = {}
    for module, files in third_party().items():
        of = distributions(module)
        assert of, f"{files[0]} imports {module}, which is not installed here"
        if not {PART_OF.get(name, name) for name in of} & (named | {"apache-airflow-core", "apache-airflow-task-sdk"}):
            missing[module] = files[0]
    assert missing == {}


def test_every_package_that_is_named_is_imported_or_needed_for_an_import_that_is_not_seen() -> None:
    # Drivers of SQLAlchemy, which loads them by name, and the connection of the source.
    unseen = {"psycopg2-binary", "pymysql", "apache-airflow-providers-postgres"}
    imported = {PART_OF.get(name, name) for module in third_party() for name in distributions(module)}
    assert set(requirements()) - imported - unseen == set()
