"""The operator that removes Kinesis streams."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook


class KinesisStreamRemovalOperator(BaseOperator):
    """Deletes streams with the records that they hold; one that is not there is left at that.

    :param streams: names of the streams. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region of the streams.
    :return: a receipt ``{"removed": [names]}``.
    :raises TimeoutError: when a stream is not gone in time.
    """

    template_fields: Sequence[str] = ("streams", "aws_conn_id")

    def __init__(
        self,
        *,
        streams: Sequence[str],
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.streams = streams
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> KinesisStreamHook:
        """The hook that talks to Kinesis."""
        from pinpipe_airflow.hooks.kinesis_stream import KinesisStreamHook

        return KinesisStreamHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete one stream after the other."""
        removed = [name for name in self.streams if self.hook.delete(name)]
        self.log.info("Streams deleted: %s", ", ".join(removed) or "none, there was none")
        return {"removed": removed}
