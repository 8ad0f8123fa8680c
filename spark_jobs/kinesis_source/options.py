"""The options of the source, named and meant as those of Databricks' built-in source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from spark_jobs.kinesis_source import option_values as values
from spark_jobs.kinesis_source.errors import OptionError
from spark_jobs.kinesis_source.initial_position import LATEST, InitialPosition, initial_position

_DEFAULTS = {
    "streamName": "",
    "streamARN": "",
    "region": "",
    "endpoint": "",
    "endpointUrl": "",
    "initialPosition": "latest",
    "consumerMode": "polling",
    "maxRecordsPerFetch": "10000",
    "maxFetchRate": "1.0",
    "minFetchPeriod": "400ms",
    "maxFetchDuration": "10s",
    "fetchBufferSize": "64mb",
    "shardsPerTask": "5",
    "shardFetchInterval": "10s",
    "maxShardsPerDescribe": "100",
    "coalesceThresholdBlockSize": "10000000",
    "coalesceBinSize": "128000000",
    "awsAccessKey": "",
    "awsSecretKey": "",
    "sessionToken": "",
    "roleArn": "",
    "roleExternalId": "",
    "roleSessionName": "",
    "stsEndpoint": "",
    "serviceCredential": "",
    # Of this source alone: the built-in one bounds a batch by what it has prefetched.
    "maxRecordsPerTrigger": "20000",
    "maxBytesPerTrigger": "16mb",
    "failOnDataLoss": "true",
}
_OF_ENHANCED_FAN_OUT = (
    "consumerName",
    "consumerNamePrefix",
    "consumerRefreshInterval",
    "registeredConsumerId",
    "registeredConsumerIdType",
    "requireConsumerDeregistration",
)
_MIB = 1 << 20
_ARN = re.compile(r"arn:[^:]+:kinesis:([^:]+):\d{12}:stream/([A-Za-z0-9_.-]+)")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


@dataclass(frozen=True)
class Stream:
    """A stream to read.

    :param name: what the column ``stream`` and the offsets call it.
    :param arn: how Kinesis is asked for it; by its name where it is empty.
    """

    name: str
    arn: str = ""

    @property
    def request(self) -> dict[str, str]:
        """What names the stream in a request."""
        return {"StreamARN": self.arn} if self.arn else {"StreamName": self.name}


@dataclass(frozen=True)
class Connection:
    """How Kinesis is reached, and as whom; what is empty is left to the AWS default chain."""

    region: str = ""
    endpoint: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)
    role_arn: str = ""
    role_external_id: str = ""
    role_session_name: str = ""
    sts_endpoint: str = ""


@dataclass(frozen=True)
class Options:
    """Options, checked.

    :param max_records_per_fetch: records that one call asks a shard for.
    :param max_fetch_rate: bytes a second, of each shard, over time.
    :param min_fetch_period: seconds between two calls to a shard.
    :param fetch_buffer_size: bytes fetched and not yet handed over from which no more is fetched.
    :param shards_per_task: shards that a Spark task reads at most.
    :param shard_fetch_interval: seconds between two looks for new shards.
    :param max_shards_per_describe: shards that one call lists.
    :param max_records_per_trigger: records of a batch at most.
    :param max_bytes_per_trigger: bytes of a batch at most, unless its only record is larger.
    :param fail_on_data_loss: whether records that left retention unread are an error rather than a warning.
    """

    streams: tuple[Stream, ...]
    connection: Connection = Connection()
    initial_position: InitialPosition = LATEST
    max_records_per_fetch: int = 10_000
    max_fetch_rate: float = _MIB
    min_fetch_period: float = 0.4
    fetch_buffer_size: int = 64 * _MIB
    shards_per_task: int = 5
    shard_fetch_interval: float = 10
    max_shards_per_describe: int = 100
    max_records_per_trigger: int = 20_000
    max_bytes_per_trigger: int = 16 * _MIB
    fail_on_data_loss: bool = True


def parse(given: Mapping[str, str]) -> Options:
    """Return the options of a query, checked.

    They are those of `Databricks' source <https://docs.databricks.com/aws/en/connect/streaming/kinesis>`_, in any case
    of letters, and mean the same, with these differences. ``endpointUrl`` is another name of ``endpoint``.
    ``maxFetchDuration``, ``coalesceThresholdBlockSize`` and ``coalesceBinSize`` are checked and without effect: what is
    fetched is handed over at once, in few pieces anyway. ``shardFetchInterval`` is 10s unless given, as the end of a
    shard is noticed when it is read; more than an hour counts as one. ``fetchBufferSize`` is 64mb unless given.
    ``maxRecordsPerTrigger`` (20000), ``maxBytesPerTrigger`` (16mb) and ``failOnDataLoss`` (true) are this source's own.
    The options of enhanced fan-out and Databricks' service credentials are refused.

    :raises OptionError: names the option, its value, and what is taken.
    """
    named = {name.lower(): name for name in _DEFAULTS}
    _refuse_enhanced_fan_out(given)
    if unknown := sorted(given.keys() - {name for name in given if name.lower() in named}):
        raise OptionError(f"option {unknown[0]} is none of the Kinesis source's: it takes {', '.join(_DEFAULTS)}")
    options = _DEFAULTS | {named[name.lower()]: value for name, value in given.items()}
    if options["consumerMode"].strip().lower() != "polling":
        raise OptionError(f"option consumerMode is {options['consumerMode']!r}: outside Databricks give polling")
    if options["serviceCredential"]:
        raise OptionError(
            f"option serviceCredential is {options['serviceCredential']!r}: there is none outside Databricks; leave it "
            "out, and let AWS's default chain, awsAccessKey or roleArn say who reads"
        )
    values.duration("maxFetchDuration", options["maxFetchDuration"])
    for name in ("coalesceThresholdBlockSize", "coalesceBinSize"):
        values.whole_number(name, options[name])
    streams = _streams(options)
    return Options(
        streams=streams,
        connection=_connection(options),
        initial_position=initial_position(options["initialPosition"]),
        max_records_per_fetch=values.whole_number("maxRecordsPerFetch", options["maxRecordsPerFetch"], 10_000),
        max_fetch_rate=values.rate("maxFetchRate", options["maxFetchRate"], 2.0) * _MIB,
        min_fetch_period=values.duration("minFetchPeriod", options["minFetchPeriod"], 0.2),
        fetch_buffer_size=values.size("fetchBufferSize", options["fetchBufferSize"]),
        shards_per_task=values.whole_number("shardsPerTask", options["shardsPerTask"]),
        shard_fetch_interval=values.duration("shardFetchInterval", options["shardFetchInterval"], 0.2),
        max_shards_per_describe=values.whole_number("maxShardsPerDescribe", options["maxShardsPerDescribe"], 10_000),
        max_records_per_trigger=values.whole_number("maxRecordsPerTrigger", options["maxRecordsPerTrigger"]),
        max_bytes_per_trigger=values.size("maxBytesPerTrigger", options["maxBytesPerTrigger"]),
        fail_on_data_loss=values.truth("failOnDataLoss", options["failOnDataLoss"]),
    )


def _refuse_enhanced_fan_out(given: Mapping[str, str]) -> None:
    known = {name.lower(): name for name in _OF_ENHANCED_FAN_OUT}
    for name, value in given.items():
        if option := known.get(name.lower()):
            raise OptionError(
                f"option {option} is {value!r}: there is no enhanced fan-out outside Databricks; leave it out, the "
                "shards are polled"
            )


def _streams(options: Mapping[str, str]) -> tuple[Stream, ...]:
    names, arns = _listed(options["streamName"]), _listed(options["streamARN"])
    if bool(names) == bool(arns):
        both = "both given" if names else "missing"
        raise OptionError(f"options streamName and streamARN are {both}: give one of them, comma-separated")
    for name in names:
        if not _NAME.fullmatch(name):
            raise OptionError(
                f"option streamName holds {name!r}, which is no stream's name: give for example p-pin,p-geo"
            )
    streams = tuple(Stream(name) for name in names) or tuple(Stream(_arn_part(arn, 2), arn) for arn in arns)
    if len({stream.name for stream in streams}) < len(streams):
        raise OptionError(f"a stream is named twice in {options['streamName'] or options['streamARN']!r}: name it once")
    return streams


def _connection(options: Mapping[str, str]) -> Connection:
    if bool(options["awsAccessKey"]) != bool(options["awsSecretKey"]):
        raise OptionError("of the options awsAccessKey and awsSecretKey one is missing: give both or neither")
    if options["sessionToken"] and not options["awsAccessKey"]:
        raise OptionError("option sessionToken is given without awsAccessKey and awsSecretKey: give all three or none")
    endpoint = options["endpoint"] or options["endpointUrl"]
    if options["endpointUrl"] not in ("", endpoint):
        raise OptionError(f"options endpoint and endpointUrl differ ({endpoint}, {options['endpointUrl']}): give one")
    for option in ("roleExternalId", "roleSessionName", "stsEndpoint"):
        if options[option] and not options["roleArn"]:
            raise OptionError(f"option {option} is {options[option]!r} without roleArn: give both or neither")
    regions = {_arn_part(arn, 1) for arn in _listed(options["streamARN"])}
    region = options["region"] or next(iter(regions), "")
    if regions - {region}:
        raise OptionError(
            f"option streamARN names the regions {', '.join(sorted(regions))}: one query reads one region"
        )
    return Connection(
        region=region,
        endpoint=_url(endpoint),
        access_key=options["awsAccessKey"],
        secret_key=options["awsSecretKey"],
        session_token=options["sessionToken"],
        role_arn=options["roleArn"],
        role_external_id=options["roleExternalId"],
        role_session_name=options["roleSessionName"],
        sts_endpoint=_url(options["stsEndpoint"]),
    )


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _arn_part(arn: str, part: int) -> str:
    found = _ARN.fullmatch(arn)
    if not found:
        raise OptionError(f"option streamARN holds {arn!r}: give arn:aws:kinesis:<region>:<account>:stream/<name>")
    return found[part]


def _url(address: str) -> str:
    return f"https://{address}" if address and "://" not in address else address
