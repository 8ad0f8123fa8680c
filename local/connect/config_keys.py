"""The configuration keys that the sink takes: Kafka Connect's and the Confluent S3 sink's, as far as supported.

A value that the Confluent sink would take and this one cannot honour is refused: a definition that works here works
there, and nothing in it is ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CONNECTOR_CLASS = "io.confluent.connect.s3.S3SinkConnector"
JSON_FORMAT = "io.confluent.connect.s3.format.json.JsonFormat"
BYTES_FORMAT = "io.confluent.connect.s3.format.bytearray.ByteArrayFormat"
JSON_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
BYTES_CONVERTER = "org.apache.kafka.connect.converters.ByteArrayConverter"
STRING_CONVERTER = "org.apache.kafka.connect.storage.StringConverter"
INSERT_FIELD = "org.apache.kafka.connect.transforms.InsertField$Value"
BOOLEAN = ("true", "false")
_TOPIC = r"[A-Za-z0-9._-]{1,249}"


@dataclass(frozen=True)
class ConfigKey:
    """One configuration key.

    :param name: the key.
    :param documentation: what it says.
    :param default: its value where it is not given; None where it must be given.
    :param allowed: the only values supported; empty where others decide.
    :param pattern: what the whole value must match.
    :param minimum: the value is a whole number of at least this.
    """

    name: str
    documentation: str
    default: str | None = None
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    minimum: int | None = None

    @property
    def type(self) -> str:
        """Kafka's name of the value's type."""
        if self.minimum is not None:
            return "INT"
        return "BOOLEAN" if self.allowed == BOOLEAN else "STRING"

    def fault(self, value: str | None) -> str | None:
        """Return what is wrong with ``value`` (None: not given), or None."""
        if value is None:
            if self.default is None:
                return f'Missing required configuration "{self.name}" which has no default value.'
            return None
        wanted = self._wanted(value)
        if wanted is None:
            return None
        return f'Invalid value "{value}" for configuration {self.name}: supported is {wanted}.'

    def _wanted(self, value: str) -> str | None:
        if self.allowed and value not in self.allowed:
            return " or ".join(f'"{text}"' for text in self.allowed)
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return f"what matches {self.pattern}"
        if self.minimum is not None and not (re.fullmatch(r"-?\d{1,18}", value) and int(value) >= self.minimum):
            return f"a whole number of at least {self.minimum}"
        return None


KEYS = {
    key.name: key
    for key in (
        ConfigKey("name", "Name of the connector.", pattern=r"[^/\s]{1,200}"),
        ConfigKey("connector.class", "The sink's class.", allowed=(CONNECTOR_CLASS,)),
        ConfigKey("tasks.max", "Consumers that share the partitions.", default="1", minimum=1),
        # Also because the client takes a name that begins with ^ for a pattern.
        ConfigKey("topics", "Topics, separated by commas.", default="", pattern=rf"|\s*{_TOPIC}\s*(,\s*{_TOPIC}\s*)*"),
        ConfigKey("topics.regex", "Pattern that a topic's whole name matches.", default=""),
        ConfigKey("key.converter", "Keys are not stored.", STRING_CONVERTER, (STRING_CONVERTER, BYTES_CONVERTER)),
        ConfigKey("value.converter", "How values are read.", allowed=(JSON_CONVERTER, BYTES_CONVERTER)),
        ConfigKey("value.converter.schemas.enable", "Envelopes with a schema.", default="true", allowed=BOOLEAN),
        ConfigKey("transforms", "Alias of the one InsertField$Value transform.", default="", pattern=r"|\w+"),
        ConfigKey("s3.bucket.name", "The bucket; it must exist.", pattern=r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"),
        ConfigKey("s3.region", "The bucket's region.", pattern=r"[a-z]{2}(-[a-z]+)+-\d"),
        ConfigKey(
            "storage.class",
            "Where objects are stored.",
            default="io.confluent.connect.s3.storage.S3Storage",
            allowed=("io.confluent.connect.s3.storage.S3Storage",),
        ),
        ConfigKey("topics.dir", "First part of each object's key.", default="topics", pattern=r"[\w.-]+(/[\w.-]+)*"),
        ConfigKey("format.class", "How objects are written.", allowed=(JSON_FORMAT, BYTES_FORMAT)),
        ConfigKey("format.bytearray.separator", "Bytes between records.", default="", allowed=("",)),
        ConfigKey("flush.size", "Records after which an object is stored.", minimum=1),
        ConfigKey(
            "rotate.schedule.interval.ms",
            "Objects are stored at multiples of this interval of the wall clock; -1: only by flush.size.",
            default="-1",
            minimum=-1,
        ),
        ConfigKey(
            "partitioner.class",
            "Objects are divided by time.",
            allowed=("io.confluent.connect.storage.partitioner.TimeBasedPartitioner",),
        ),
        ConfigKey("path.format", "A folder for each day.", allowed=("'dt='YYYY-MM-dd",)),
        ConfigKey("partition.duration.ms", "A day.", allowed=("86400000",)),
        ConfigKey("locale", "Of the date's digits.", pattern=r"en([-_][A-Z]{2})?"),
        ConfigKey("timezone", "Of the day.", allowed=("UTC",)),
        ConfigKey("timestamp.extractor", "The record's own timestamp.", allowed=("Record",)),
        ConfigKey("schema.compatibility", "Values have no schema.", default="NONE", allowed=("NONE",)),
        # Of bytes, a null that is ignored lands as an object without a byte, so that it is counted; Confluent's leaves
        # it in its topic.
        ConfigKey("behavior.on.null.values", "Whether null fails the task.", "fail", allowed=("fail", "ignore")),
        ConfigKey("report.null.values.to.dlq", "Ignored nulls are dead letters.", default="true", allowed=("true",)),
        ConfigKey("errors.tolerance", "Whether errors go on.", default="none", allowed=("none", "all")),
        ConfigKey("errors.log.enable", "Log each error.", default="false", allowed=BOOLEAN),
        ConfigKey("errors.log.include.messages", "Records in the log.", default="false", allowed=("false",)),
        ConfigKey("errors.deadletterqueue.topic.name", "Where bad records go.", default="", pattern=f"|{_TOPIC}"),
        ConfigKey("errors.deadletterqueue.topic.replication.factor", "Where it is made anew.", default="3", minimum=1),
        ConfigKey("errors.deadletterqueue.context.headers.enable", "Say why.", default="false", allowed=BOOLEAN),
    )
}
