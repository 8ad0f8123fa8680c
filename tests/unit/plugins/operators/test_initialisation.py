"""Airflow renders a templated field after ``__init__``: what looks at its value there sees the template."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap

import pinpipe_airflow.operators
import pinpipe_airflow.sensors
import pytest
from airflow.sdk import BaseOperator


def operators():
    """Yield the operators and sensors that declare templated fields themselves."""
    for package in (pinpipe_airflow.operators, pinpipe_airflow.sensors):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for thing in vars(module).values():
                ours = inspect.isclass(thing) and thing.__module__ == module.__name__
                if ours and issubclass(thing, BaseOperator) and "template_fields" in vars(thing):
                    yield thing


def stored_in(operator):
    """Return the source of what ``__init__`` stores in each attribute."""
    # Airflow wraps __init__; the class's own text has what was written.
    tree = ast.parse(textwrap.dedent(inspect.getsource(operator)))
    init = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__init__")
    assignments = [node for node in ast.walk(init) if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    return {
        target.attr: ast.unparse(node.value)
        for node in assignments
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute)
    }


def initialising():
    """Give those that store something themselves."""
    return [operator for operator in operators() if "def __init__" in inspect.getsource(operator)]


@pytest.mark.parametrize("operator", initialising(), ids=lambda operator: operator.__name__)
def test_an_operator_only_stores_its_templated_fields(operator):
    stored = stored_in(operator)
    own = {field: stored[field] for field in operator.template_fields if field in stored}
    assert own
    assert own == {field: field for field in own}
