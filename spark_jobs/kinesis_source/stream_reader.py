"""The source as Spark drives it: offsets and plans on the driver, rows in the tasks."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from zipimport import zipimporter

from pyspark.sql.datasource import DataSourceStreamReader, InputPartition

from spark_jobs.kinesis_source.options import Options

if TYPE_CHECKING:
    import pyarrow as pa

    from spark_jobs.kinesis_source.reader import KinesisReader


class KinesisStreamReader(DataSourceStreamReader):  # type: ignore[misc]
    """Hands Spark's calls on to a :class:`~spark_jobs.kinesis_source.reader.KinesisReader`.

    Spark makes one on the driver, which lives as long as the query, and sends another to each task, which only unpacks
    the rows it was given: it needs neither boto3 nor a way to Kinesis. So these are imported where they are needed.
    """

    def __init__(self, options: Options) -> None:
        self._options = options

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802
        """Return the offset before everything."""
        return self._reader.initial_offset()

    def latestOffset(self) -> dict[str, Any]:  # noqa: N802
        """Return the newest offset."""
        return self._reader.latest_offset()

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> Sequence[InputPartition]:
        """Return the tasks that yield the rows between two offsets."""
        return [InputPartition(task) for task in self._reader.plan(start, end)]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Return the rows of a task."""
        from spark_jobs.kinesis_source.arrow_rows import unpacked

        _forget_zip_importers()
        return unpacked(partition.value)

    def stop(self) -> None:
        """End the calls under way."""
        if "_reader" in self.__dict__:
            self._reader.close()

    @cached_property
    def _reader(self) -> KinesisReader:
        from spark_jobs.kinesis_source.client import kinesis_client
        from spark_jobs.kinesis_source.reader import KinesisReader

        return KinesisReader(self._options, partial(kinesis_client, self._options.connection))


def _forget_zip_importers() -> None:
    """Spare the next task of this process 0.1 s of reading ``pyspark.zip``.

    Spark has Python look at its folders anew before each task, and Python 3.12 then reads the directory of the zip file
    once for each package of it that it knows an importer of. One that is forgotten is made again, from what is known of
    its file, when something is imported from there.
    """
    for path, importer in list(sys.path_importer_cache.items()):
        if isinstance(importer, zipimporter):
            del sys.path_importer_cache[path]
