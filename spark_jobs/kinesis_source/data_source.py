"""The data source ``kinesis`` for open-source Spark."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql.datasource import DataSource
from pyspark.sql.types import StructType

from spark_jobs.kinesis_source.options import parse
from spark_jobs.kinesis_source.stream_reader import KinesisStreamReader

# That of Databricks' built-in source.
DDL = (
    "partitionKey string, data binary, stream string, shardId string, sequenceNumber string, "
    "approximateArrivalTimestamp timestamp"
)


class KinesisDataSource(DataSource):  # type: ignore[misc]
    """Reads Kinesis data streams: ``spark.readStream.format("kinesis")``.

    For its options see :func:`spark_jobs.kinesis_source.options.parse`. A record that Kinesis' producer library
    aggregated stays the one record that it is to Kinesis.

    :raises OptionError: when an option is unknown, missing or wrong.
    """

    def __init__(self, options: Mapping[str, str]) -> None:
        super().__init__(options)
        self._parsed = parse(options)

    @classmethod
    def name(cls) -> str:
        """Return what ``format`` takes."""
        return "kinesis"

    def schema(self) -> str:
        """Return the columns of a record."""
        return DDL

    def streamReader(self, schema: StructType) -> KinesisStreamReader:  # noqa: N802
        """Return what reads the streams."""
        return KinesisStreamReader(self._parsed)
