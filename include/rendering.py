"""Fills ``<<name>>`` in declared documents (OpenAPI, connectors, jobs) from the settings.

Neither Jinja's nor Python's own marks: the documents hold VTL (``$input``) and Databricks' ``{{job.parameters}}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import yaml

_MARK = re.compile(r"<<([a-z_]+)>>")


def render(text: str, values: Mapping[str, Any], source: str = "document") -> str:
    """Return ``text`` with every ``<<name>>`` replaced by ``values[name]``.

    :raises KeyError: names a mark that ``values`` does not hold, and the ``source`` it stands in.
    """

    def value(mark: re.Match[str]) -> str:
        name = mark.group(1)
        if name not in values:
            raise KeyError(f"{source} asks for <<{name}>>, which is none of {sorted(values)}")
        return str(values[name])

    return _MARK.sub(value, text)


def read_text(*path: str) -> str:
    """Return the text of a file of this package, e.g. ``read_text("api", "openapi.yaml")``."""
    return resources.files("include").joinpath(*path).read_text(encoding="utf-8")


def render_yaml(*path: str, values: Mapping[str, Any]) -> Any:
    """Return the parsed YAML document at ``path`` in this package, its marks filled from ``values``."""
    return yaml.safe_load(render(read_text(*path), values, source="/".join(path)))
