"""What the notifiers that Airflow calls have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier

if TYPE_CHECKING:
    from airflow.sdk import Context


class CallbackNotifier(BaseNotifier):
    """A notifier that makes up what it tells when it is called."""

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Render nothing: there are no such fields, and ``dag.test()`` has no DAG that could make an environment."""
