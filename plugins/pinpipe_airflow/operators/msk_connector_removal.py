"""The operator that removes connectors of MSK Connect."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.msk_connect_state import is_passing
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.msk_connector import MskConnectorHook


class MskConnectorRemovalOperator(AwsWaitingOperator):
    """Deletes connectors, and waits in the triggerer until they are gone, as their plugin cannot be deleted before.

    How far they have read stays with their consumer groups: made anew, they go on from there. So do the topics that MSK
    Connect has made for each (``__amazon_msk_connect_…``).

    :param connectors: names of the connectors. (templated)
    :param wait_timeout: seconds to wait, for all together.
    :return: a receipt ``{"removed": [names]}``; a connector that was not there is not among them.
    :raises TimeoutError: when one is still there.
    """

    template_fields: Sequence[str] = ("connectors", "aws_conn_id", "region_name")

    def __init__(self, *, connectors: Sequence[str], wait_timeout: float = 2_400, **kwargs: Any) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.connectors = connectors

    @cached_property
    def hook(self) -> MskConnectorHook:
        """The hook that talks to MSK Connect."""
        from pinpipe_airflow.hooks.msk_connector import MskConnectorHook

        return MskConnectorHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete all of them, then wait for one after the other."""
        there = [name for name in self.connectors if self.hook.arn(name) is not None]
        return self._go_on(there, datetime.now(UTC).isoformat())

    def execute_complete(
        self, context: Context, event: dict[str, Any], removed: list[str], started: str
    ) -> dict[str, Any]:
        """Go on where the trigger has waited."""
        self.refuse_unless_done(
            event, f"deleting connectors {removed}", "See MSK Connect's console, then run this task again"
        )
        return self._go_on(removed, started)

    def _go_on(self, removed: list[str], started: str) -> dict[str, Any]:
        left = [arn for name in removed if (arn := self._begin(name)) is not None]
        if left:
            self.wait_for(self.hook, {"arn": left[0]}, since=started, removed=removed, started=started)
        self.log.info("Connectors deleted: %s", ", ".join(removed) or "none, there was none")
        return {"removed": removed}

    def _begin(self, name: str) -> str | None:
        """Delete a connector where that can be begun now; return its ARN, ``None`` when it is gone."""
        arn = self.hook.arn(name)
        state = self.hook.state(arn) if arn else None
        if arn is None or state is None:
            return None
        # One that is just being made or changed cannot be deleted: that is waited for first.
        if not is_passing(state[0]):
            self.hook.delete(arn)
        return arn
