"""The trigger that waits for something of AWS."""

from __future__ import annotations

import asyncio
import pkgutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, cast

from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from pinpipe_airflow.progress import DONE, FAILED, TIMEOUT, Progress

# Who may not ask, which waiting does not change. Anything else passes: the same question has just been answered to the
# operator, and some services say 400 where they have no room.
_REFUSED = frozenset({401, 403})


class AwsProgressTrigger(BaseTrigger):
    """Fires when something is as waited for, when it never will be, or at a deadline.

    Everything it needs is in its arguments, so another triggerer can go on where one has died. An AWS that does not
    answer for a while is waited for.

    :param hook: class of the hook that looks, as ``module:class``: its ``progress`` takes the subject and returns a
        :class:`~pinpipe_airflow.progress.Progress`.
    :param subject: what ``progress`` is asked with.
    :param deadline: ISO 8601 moment after which it gives up.
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region.
    :param poll_interval: seconds before each look, at least 5.
    """

    def __init__(
        self,
        hook: str,
        subject: dict[str, Any],
        deadline: str,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        poll_interval: float = 15,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.hook = hook
        self.subject = subject
        self.deadline = deadline
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.poll_interval = poll_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the trigger's import path and every argument."""
        return (
            "pinpipe_airflow.triggers.aws_progress.AwsProgressTrigger",
            {
                "hook": self.hook,
                "subject": self.subject,
                "deadline": self.deadline,
                "aws_conn_id": self.aws_conn_id,
                "region_name": self.region_name,
                "poll_interval": self.poll_interval,
            },
        )

    @cached_property
    def looking(self) -> Any:
        """The hook that looks."""
        return pkgutil.resolve_name(self.hook)(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until it is over; one event ``{"status": "done" | "failed" | "timeout", "state": text}``."""
        yield TriggerEvent(await self._outcome())  # type: ignore[no-untyped-call]

    async def _outcome(self) -> dict[str, Any]:
        # boto3 and the look-up of the connection block: to a thread of their own, off the loop that all triggers share.
        look = sync_to_async(self._look, thread_sensitive=False)
        deadline = datetime.fromisoformat(self.deadline)
        state = "it was not seen"
        while True:
            # First of all too: the operator has just looked, and what it has begun shows a moment later.
            await asyncio.sleep(self.poll_interval)
            try:
                seen = await look()
            except NoCredentialsError as error:
                return {"status": FAILED, "state": str(error)}
            except (AirflowException, BotoCoreError, ClientError) as error:
                if _is_refused(error):
                    return {"status": FAILED, "state": str(error)}
                self.log.warning("AWS does not tell how far %s is: %s", self.subject, error)
            else:
                if seen.state != state:
                    self.log.info("%s: %s", self.subject, seen.state)
                state = seen.state
                if seen.done or seen.failed:
                    return {"status": DONE if seen.done else FAILED, "state": state}
            if datetime.now(UTC) >= deadline:
                return {"status": TIMEOUT, "state": state}

    def _look(self) -> Progress:
        return cast(Progress, self.looking.progress(**self.subject))


def _is_refused(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return False
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _REFUSED
