"""Tags of what is on AWS: whose it is, and which differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

PIPELINE = "pipeline"
"""The tag that says whose something is."""


def pipeline_tags(pipeline_id: str) -> dict[str, str]:
    """Return what everything carries that ``provision`` makes on AWS, and without which nothing is removed."""
    return {PIPELINE: pipeline_id}


def is_of(pipeline_id: str, tags: Mapping[str, str]) -> bool:
    """Return whether tags say that something is a pipeline's."""
    return tags.get(PIPELINE) == pipeline_id


def different(wanted: Mapping[str, str], has: Mapping[str, str]) -> dict[str, str]:
    """Return those of the wanted tags that something lacks or has with another value; others that it has may stay."""
    return {key: value for key, value in wanted.items() if has.get(key) != value}


def to_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as most services take them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def to_dict(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return tags by their key, of what most services answer."""
    return {tag["Key"]: tag.get("Value", "") for tag in tags}
