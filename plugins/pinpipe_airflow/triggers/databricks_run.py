"""The trigger that waits for a run of a Databricks job, and cancels it with its task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.databricks.triggers.databricks import DatabricksExecutionTrigger
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async


class CancellingRunTrigger(DatabricksExecutionTrigger):
    """Cancels the run when somebody ends the task that waits: marks it failed or a success, or clears it.

    For an Airflow before 3.3, which does not tell triggers so; there they are cancelled alike when the triggerer stops
    and another goes on. So the task is looked at: one that waits still is ``deferred``.

    Takes what the provider's trigger takes.
    """

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's import path and every argument."""
        return "pinpipe_airflow.triggers.databricks_run.CancellingRunTrigger", super().serialize()[1]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until the run has ended; the provider's event."""
        try:
            async for event in super().run():  # type: ignore[no-untyped-call]
                yield event
        except asyncio.CancelledError:
            if await self._is_ended():
                self.log.info("The task was ended, so run %s is cancelled", self.run_id)
                await sync_to_async(self.hook.cancel_run, thread_sensitive=False)(self.run_id)
            raise

    async def _is_ended(self) -> bool:
        from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance

        waiting: Any = self.task_instance
        states = await sync_to_async(RuntimeTaskInstance.get_task_states)(
            dag_id=waiting.dag_id, task_ids=[waiting.task_id], run_ids=[waiting.run_id], map_index=waiting.map_index
        )
        # A task that was cleared has no state, and one whose run is gone is not told of.
        return set(states.get(waiting.run_id, {}).values()) != {"deferred"}


def cancelling(trigger: BaseTrigger) -> BaseTrigger:
    """Return a trigger of the provider's, or what does the same and cancels the run, where Airflow is before 3.3."""
    if hasattr(BaseTrigger, "on_kill") or not isinstance(trigger, DatabricksExecutionTrigger):
        return trigger
    return CancellingRunTrigger(**trigger.serialize()[1])
