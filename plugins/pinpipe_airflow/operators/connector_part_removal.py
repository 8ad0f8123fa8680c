"""What the operators have in common that delete what connectors of MSK Connect are made of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from pinpipe_airflow.msk_connect_names import HASH

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.msk_connect import ConnectorPartHook


class ConnectorPartRemovalOperator(BaseOperator):
    """Deletes everything of a kind that has the pipeline's prefix and a hash in its name.

    :param prefix: how their names begin. (templated)
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region.
    :return: a receipt ``{"removed": [names]}``.
    """

    template_fields: Sequence[str] = ("prefix", "aws_conn_id")

    def __init__(
        self, *, prefix: str, aws_conn_id: str | None = "aws_default", region_name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @property
    @abstractmethod
    def hook(self) -> ConnectorPartHook:
        """The hook that talks to MSK Connect."""

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete one after the other."""
        found = self.hook.matching(self.prefix, HASH)
        for part in found:
            self.hook.delete(part.arn)
        removed = [part.name for part in found]
        self.log.info("Deleted: %s", ", ".join(removed) or "nothing, there was nothing")
        return {"removed": removed}
