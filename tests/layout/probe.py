"""Run by an interpreter of the layout's own, isolated: says as JSON what is there for Airflow, as MWAA has it.

``python -I probe.py RESULT``, with Airflow's folders in its environment; nothing else of the project is on the path.
It uses neither pytest nor anything of the tests.
"""

from __future__ import annotations

import inspect
import json
import os
import pkgutil
import re
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("pinpipe_airflow", "include", "emulator")
NOT_DEPLOYED = ("bench", "local", "pinpipe_cli", "spark_jobs", "tests")
MOMENT = "2026-01-31T00:00:00+00:00"


def leave_the_checkout() -> None:
    """Take off the path what an environment for development has put there: folders that are not the interpreter's."""
    own = [Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)]
    sys.path[:] = [entry for entry in sys.path if any(Path(entry).resolve().is_relative_to(folder) for folder in own)]


def plugins() -> dict:
    from airflow import plugins_manager

    plugins_manager.ensure_plugins_loaded()
    named = [str(info["name"]) for info in plugins_manager.get_plugin_info()]
    return {"names": named, "errors": plugins_manager.get_import_errors()}


def modules() -> dict:
    errors = {}
    names = [
        name
        for package in PACKAGES
        for _, name, _ in pkgutil.walk_packages(import_module(package).__path__, f"{package}.")
    ]
    places = {}
    for name in names:
        try:
            places[name] = import_module(name).__file__
        except Exception:
            errors[name] = traceback.format_exc()
    return {"places": places, "errors": errors}


def dags() -> dict:
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.serialization.serialized_objects import DagSerialization

    folder = Path(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
    bag = BundleDagBag(folder, bundle_path=folder, bundle_name="dags")
    kept, lost = {}, {}
    for dag_id, dag in bag.dags.items():
        try:
            written = json.loads(json.dumps(DagSerialization.to_dict(dag)))
            read = DagSerialization.from_dict(written)
            kept[dag_id] = sorted(read.task_dict)
            if kept[dag_id] != sorted(dag.task_dict):
                lost[dag_id] = f"tasks: {sorted(dag.task_dict)} were written, {kept[dag_id]} were read"
        except Exception:
            lost[dag_id] = traceback.format_exc()
    return {"errors": bag.import_errors, "tasks": kept, "lost": lost}


def example(name: str, annotation: str) -> object:
    """Return a value of an argument that has no default, by how it is annotated."""
    if named := re.match(r"(?:typing\.)?Literal\[(['\"])(.*?)\1", annotation):
        return named[2]
    for means, value in (
        ("Offsets", {"topic": {"0": 5}}),
        ("Mapping", {"name": "value"}),
        ("dict", {"name": "value"}),
        ("Sequence", ["one", "other"]),
        ("list", ["one", "other"]),
        ("bool", True),
        ("int", 7),
        ("float", 7.5),
        ("str", MOMENT),
    ):
        if means in annotation:
            return value
    raise TypeError(f"no example of {name}: {annotation}")


def triggers() -> dict:
    from airflow.sdk.serde import deserialize, serialize
    from airflow.triggers.base import BaseTrigger

    results = {}
    package = import_module("pinpipe_airflow.triggers")
    for _, name, _ in pkgutil.iter_modules(package.__path__, "pinpipe_airflow.triggers."):
        for _, trigger in inspect.getmembers(import_module(name), inspect.isclass):
            if not issubclass(trigger, BaseTrigger) or trigger.__module__ != name or inspect.isabstract(trigger):
                continue
            try:
                results[f"{name}.{trigger.__name__}"] = round_trip(trigger, serialize, deserialize)
            except Exception:
                results[f"{name}.{trigger.__name__}"] = traceback.format_exc()
    return results


def round_trip(trigger: type, serialize: object, deserialize: object) -> str:
    """Return what is wrong with a trigger's way into Airflow's database and out of it; nothing where nothing is."""
    wanted = {
        name: example(name, str(argument.annotation))
        for name, argument in inspect.signature(trigger).parameters.items()
        if argument.default is argument.empty and argument.kind is not argument.VAR_KEYWORD
    }
    path, arguments = trigger(**wanted).serialize()
    module, _, name = path.rpartition(".")
    if getattr(import_module(module), name) is not trigger:
        return f"{path} is another class"
    untold = [name for name, value in wanted.items() if name not in arguments or arguments[name] != value]
    if untold:
        return f"not told by serialize(): {untold}"
    read = deserialize(json.loads(json.dumps(serialize(arguments))))
    if read != arguments:
        return f"{arguments} was written, {read} was read"
    again = trigger(**read).serialize()
    return "" if again == (path, arguments) else f"{again} the second time"


def main(result: str) -> None:
    leave_the_checkout()
    import airflow.settings

    # What every component of Airflow does when it starts: it puts the plugins folder on the path.
    airflow.settings.initialize()
    found = {
        "airflow": version("apache-airflow"),
        "python": sys.version_info[:2],
        "not_deployed": [name for name in NOT_DEPLOYED if find_spec(name)],
        "plugins": plugins(),
        "dags": dags(),
        "modules": modules(),
        "triggers": triggers(),
    }
    Path(result).write_text(json.dumps(found, default=str))


if __name__ == "__main__":
    main(sys.argv[1])
