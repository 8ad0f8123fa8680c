"""A connector's configuration, checked and typed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from local.connect.config_keys import BYTES_CONVERTER, BYTES_FORMAT, INSERT_FIELD, JSON_CONVERTER, JSON_FORMAT, KEYS
from local.connect.errors import InvalidConfigError
from local.connect.object_line import InsertedFields

_FIELD_OPTIONS = ("topic", "partition", "offset", "timestamp")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Java's and librdkafka's (POSIX) patterns mean the same as long as neither groups with (?…) nor classes like \d occur.
_FOREIGN_PATTERN = re.compile(r"\(\?|\\[A-Za-z0-9]|[*+?}][?+]")

Faults = dict[str, list[str]]


@dataclass(frozen=True)
class SinkConfig:
    """What a sink does.

    :param name: the connector's name; its consumer group is ``connect-<name>``.
    :param topics: topics by name; empty where ``topics_regex`` says which.
    :param topics_regex: pattern of whole topic names, or None.
    :param tasks_max: consumers in the group.
    :param bucket: S3 bucket.
    :param region: its AWS region.
    :param topics_dir: first part of each object's key.
    :param json_objects: JSON lines; otherwise the values' bytes as they are.
    :param inserted: the fields that each JSON object gains.
    :param flush_size: records after which an object is stored.
    :param rotate_schedule_ms: objects are stored at multiples of this many ms; None: never by time.
    :param ignore_nulls: null values go the way of bad records, or land as no bytes; otherwise they fail the task.
    :param tolerate_errors: bad records go to the dead-letter topic; otherwise they fail the task.
    :param log_errors: whether each bad record is logged.
    :param dead_letter_topic: where bad records go, or None.
    :param dead_letter_replication: replicas when the dead-letter topic must be made.
    :param dead_letter_headers: whether headers tell a dead letter's origin and error.
    """

    name: str
    topics: tuple[str, ...]
    topics_regex: str | None
    tasks_max: int
    bucket: str
    region: str
    topics_dir: str
    json_objects: bool
    inserted: InsertedFields
    flush_size: int
    rotate_schedule_ms: int | None
    ignore_nulls: bool
    tolerate_errors: bool
    log_errors: bool
    dead_letter_topic: str | None
    dead_letter_replication: int
    dead_letter_headers: bool

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"connect-{self.name}"

    @property
    def subscription(self) -> list[str]:
        """What the consumer subscribes to; a pattern begins with ``^``."""
        return [f"^({self.topics_regex})$"] if self.topics_regex else list(self.topics)


def sink_config(given: Mapping[str, str]) -> SinkConfig:
    """Return the typed form of a connector's configuration.

    :param given: the configuration with ``name``.
    :raises InvalidConfigError: names every key that is unknown, missing, unsupported, or at odds with another.
    """
    faults = config_faults(given)
    if faults:
        raise InvalidConfigError(faults)
    value = _values(given)
    rotate = int(value["rotate.schedule.interval.ms"])
    return SinkConfig(
        name=value["name"],
        topics=_topic_names(value["topics"]),
        topics_regex=value["topics.regex"] or None,
        tasks_max=int(value["tasks.max"]),
        bucket=value["s3.bucket.name"],
        region=value["s3.region"],
        topics_dir=value["topics.dir"],
        json_objects=value["format.class"] == JSON_FORMAT,
        inserted=_inserted(given, value["transforms"]),
        flush_size=int(value["flush.size"]),
        rotate_schedule_ms=rotate if rotate > 0 else None,
        ignore_nulls=value["behavior.on.null.values"] == "ignore",
        tolerate_errors=value["errors.tolerance"] == "all",
        log_errors=value["errors.log.enable"] == "true",
        dead_letter_topic=value["errors.deadletterqueue.topic.name"] or None,
        dead_letter_replication=int(value["errors.deadletterqueue.topic.replication.factor"]),
        dead_letter_headers=value["errors.deadletterqueue.context.headers.enable"] == "true",
    )


def config_faults(given: Mapping[str, str]) -> Faults:
    """Return the messages about each key at fault; empty when the configuration is sound."""
    faults: Faults = {}
    for name, key in KEYS.items():
        fault = key.fault(given.get(name))
        if fault:
            faults[name] = [fault]
    for name, fault in _transform_faults(given).items():
        faults.setdefault(name, []).append(fault)
    if not faults:
        for name, fault in _contradictions(_values(given)):
            faults.setdefault(name, []).append(fault)
    return faults


def _values(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given.get(name, key.default or "") for name, key in KEYS.items()}


def _topic_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _transform_faults(given: Mapping[str, str]) -> dict[str, str]:
    alias = given.get("transforms", "")
    options = {f"transforms.{alias}.{option}.field" for option in _FIELD_OPTIONS} if alias else set()
    type_key = f"transforms.{alias}.type"
    faults = {}
    for name in given:
        if name not in KEYS and name not in options and not (alias and name == type_key):
            faults[name] = f'Unknown configuration "{name}": the sink does not support it and ignores nothing.'
    if alias and given.get(type_key) != INSERT_FIELD:
        faults[type_key] = (
            f'Invalid value "{given.get(type_key)}" for configuration {type_key}: supported is "{INSERT_FIELD}".'
        )
    for name in sorted(options & given.keys()):
        if not _PLAIN_NAME.fullmatch(given[name]):
            faults[name] = f'Invalid value "{given[name]}" for configuration {name}: supported is a plain field name.'
    return faults


def _inserted(given: Mapping[str, str], alias: str) -> InsertedFields:
    return InsertedFields(**{option: given.get(f"transforms.{alias}.{option}.field") for option in _FIELD_OPTIONS})


def _contradictions(value: Mapping[str, str]) -> list[tuple[str, str]]:
    found = [*_topic_contradictions(value)]
    is_json = value["format.class"] == JSON_FORMAT
    wanted = JSON_CONVERTER if is_json else BYTES_CONVERTER
    if value["value.converter"] != wanted:
        found.append(("value.converter", f'value.converter must be "{wanted}" for {value["format.class"]}.'))
    if is_json and value["value.converter.schemas.enable"] != "false":
        found.append(("value.converter.schemas.enable", 'value.converter.schemas.enable must be given as "false".'))
    if not is_json and value["transforms"]:
        found.append(("transforms", f"transforms cannot insert fields into {BYTES_FORMAT}'s bytes."))
    if not is_json and value["flush.size"] != "1":
        found.append(("flush.size", f"flush.size must be 1 for {BYTES_FORMAT}: nothing separates its records."))
    if is_json and value["behavior.on.null.values"] == "ignore" and value["errors.tolerance"] != "all":
        found.append(("behavior.on.null.values", "errors.tolerance must be all with ignore: nulls would be lost."))
    name = "errors.deadletterqueue.topic.name"
    if is_json and value["errors.tolerance"] == "all" and not value[name]:
        found.append((name, f"{name} must be given with errors.tolerance=all: bad records would be lost."))
    if value["errors.tolerance"] == "none" and value[name]:
        found.append((name, f"{name} has no effect with errors.tolerance=none."))
    return found


def _topic_contradictions(value: Mapping[str, str]) -> list[tuple[str, str]]:
    names, pattern = _topic_names(value["topics"]), value["topics.regex"]
    dead_letters = value["errors.deadletterqueue.topic.name"]
    if bool(names) == bool(pattern):
        return [("topics", 'Must configure exactly one of "topics" and "topics.regex".')]
    if pattern:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            return [("topics.regex", f'Invalid value "{pattern}" for configuration topics.regex: {error}.')]
        if _FOREIGN_PATTERN.search(pattern):
            message = r"supported is no (?…), no \d or other classes of letters ([0-9] instead), no lazy repetition"
            return [("topics.regex", f'Invalid value "{pattern}" for configuration topics.regex: {message}.')]
        if dead_letters and compiled.fullmatch(dead_letters):
            return [("topics.regex", f"topics.regex may not match the dead-letter topic '{dead_letters}'.")]
    if dead_letters in names:
        return [("topics", f"topics may not name the dead-letter topic '{dead_letters}'.")]
    return []
