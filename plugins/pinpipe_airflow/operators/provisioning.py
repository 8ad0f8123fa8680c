"""What all operators have in common that make something of what the pipeline stands on."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

APPLY, PLAN = "apply", "plan"


class ProvisioningOperator(BaseOperator):
    """Makes something as declared, or only says what it would do.

    :param mode: ``apply`` makes what is missing and changes what differs, ``plan`` changes nothing. (templated)
    :return: a receipt ``{"changed": bool, "actions": [what was done, …], …}``; of a plan
        ``{"changed": False, "planned": [what would be done, …]}``.
    :raises ValueError: for another mode.
    """

    template_fields: Sequence[str] = ("mode",)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Have every operator's ``mode`` rendered, whatever else it has rendered."""
        super().__init_subclass__(**kwargs)
        if "mode" not in cls.template_fields:
            cls.template_fields = (*cls.template_fields, "mode")

    def __init__(self, *, mode: str = APPLY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = mode

    def execute(self, context: Context) -> dict[str, Any]:
        """Apply, or plan."""
        if self.mode == APPLY:
            return self.apply(context)
        if self.mode != PLAN:
            raise ValueError(f"task {self.task_id}: mode={self.mode!r}: it is {APPLY!r} or {PLAN!r}")
        planned = self.plan()
        for action in planned:
            self.log.info("Would do: %s", action)
        if not planned:
            self.log.info("Nothing to do: everything is as declared")
        return {"changed": False, "planned": planned}

    @abstractmethod
    def plan(self) -> list[str]:
        """Return what would be done, and change nothing; each begins with ``create`` or ``change``."""

    @abstractmethod
    def apply(self, context: Context) -> dict[str, Any]:
        """Make what is missing, change what differs, and return the receipt."""
