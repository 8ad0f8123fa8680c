"""What operators have in common that wait in the triggerer for something of AWS."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import BaseOperator

from pinpipe_airflow.progress import DONE, FAILED, TIMEOUT

SHORTEST_POLL_S = 5.0
# The trigger ends by itself at its deadline, and says how it was; Airflow's own end of it comes after that.
_LEEWAY = timedelta(minutes=2)
# Airflow gives each stretch of a task in a worker its ``execution_timeout`` anew; what the task waits is bounded by the
# trigger's deadline. This is for what it does before and after.
_AT_WORK = timedelta(minutes=10)


class AwsWaitingOperator(BaseOperator):
    """Waits in the triggerer, and says how it was where that took too long.

    :param wait_timeout: seconds after which it gives up; the task's ``execution_timeout`` is somewhat more.
    :param poll_interval: seconds between two looks, at least 5.
    :param aws_conn_id: the Airflow connection to AWS. (templated)
    :param region_name: AWS region. (templated)
    """

    template_fields: Sequence[str] = ("aws_conn_id", "region_name")

    def __init__(
        self,
        *,
        wait_timeout: float,
        poll_interval: float = 15,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"execution_timeout": timedelta(seconds=wait_timeout) + _AT_WORK, **kwargs})
        self.wait_timeout = wait_timeout
        self.poll_interval = poll_interval
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    def wait_for(self, hook: Any, subject: dict[str, Any], *, since: str | None = None, **kept: Any) -> NoReturn:
        """Go on in ``execute_complete`` once the triggerer has seen what is waited for.

        :param hook: one like it looks, in the triggerer.
        :param subject: what its ``progress`` is asked with.
        :param since: ISO 8601 moment from which ``wait_timeout`` counts; ``None``: now.
        :param kept: what ``execute_complete`` gets beside the event.
        """
        from pinpipe_airflow.triggers.aws_progress import AwsProgressTrigger

        now = datetime.now(UTC)
        deadline = (datetime.fromisoformat(since) if since else now) + timedelta(seconds=self.wait_timeout)
        self.log.info("Waiting until %s at most for %s", deadline.isoformat(timespec="seconds"), subject)
        self.defer(
            trigger=AwsProgressTrigger(
                hook=f"{type(hook).__module__}:{type(hook).__qualname__}",
                subject=subject,
                deadline=deadline.isoformat(),
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                poll_interval=max(self.poll_interval, SHORTEST_POLL_S),
            ),
            method_name="execute_complete",
            kwargs=kept,
            timeout=max(deadline - now, timedelta()) + _LEEWAY,
        )

    def refuse_unless_done(self, event: dict[str, Any] | None, what: str, way_out: str) -> None:
        """See that what was waited for is there.

        :param what: was waited for.
        :param way_out: what to do where it is not.
        :raises RuntimeError: when it never will be.
        :raises TimeoutError: when it was not in time.
        """
        event = event or {"status": FAILED, "state": "the trigger said nothing"}
        if event["status"] == DONE:
            return
        if event["status"] == TIMEOUT:
            raise TimeoutError(f"{what} took more than {self.wait_timeout:g} s: {event['state']}. {way_out}")
        raise RuntimeError(f"{what} failed: {event['state']}. {way_out}")
