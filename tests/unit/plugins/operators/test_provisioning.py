"""What operators have in common that make something."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import Context
from pinpipe_airflow.operators.provisioning import ProvisioningOperator


class Fence(ProvisioningOperator):
    template_fields = ("paint",)

    def __init__(self, *, paint: str, built: list[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.paint = paint
        self.built = built

    def plan(self) -> list[str]:
        return [] if self.paint in self.built else [f"create a {self.paint} fence"]

    def apply(self, context: Context) -> dict[str, Any]:
        self.built += [self.paint]
        return {"changed": True, "actions": ["created"]}


def test_a_plan_says_what_would_be_done_and_changes_nothing() -> None:
    built: list[str] = []
    said = Fence(task_id="fence", mode="plan", paint="red", built=built).execute({})
    assert said == {"changed": False, "planned": ["create a red fence"]}
    assert built == []


def test_without_a_mode_it_is_made() -> None:
    built: list[str] = []
    assert Fence(task_id="fence", paint="red", built=built).execute({}) == {"changed": True, "actions": ["created"]}
    assert built == ["red"]


def test_another_mode_is_refused_before_anything_is_done() -> None:
    built: list[str] = []
    with pytest.raises(ValueError, match="task fence: mode='dry-run': it is 'apply' or 'plan'"):
        Fence(task_id="fence", mode="dry-run", paint="red", built=built).execute({})
    assert built == []


def test_the_mode_is_rendered_beside_what_an_operator_has_rendered_itself() -> None:
    assert Fence.template_fields == ("paint", "mode")
