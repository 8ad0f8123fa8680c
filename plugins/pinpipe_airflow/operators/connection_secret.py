"""Operators for Airflow connections in Secrets Manager."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from include.connections import secret_name
from pinpipe_airflow.aws_tags import PIPELINE, is_of, pipeline_tags
from pinpipe_airflow.connection_secret import Completed, complete, unknown_fields
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.connection_secret import ConnectionSecretHook, Secret


class ConnectionSecretOperator(ProvisioningOperator):
    """Keeps a connection in Secrets Manager, where Airflow's secrets backend finds it.

    Of a secret that is there only the ``fields`` that differ are changed, and a password is made only where there is
    none: whatever else somebody put there stays. One that was removed is restored. One that another pipeline has made
    is refused: changed to these brokers, it would cut that one off from its own. What it holds is never shown.

    :param conn_id: the connection's id. (templated)
    :param fields: what it is to hold, by the names of Airflow's JSON, no secrets among them. ``None`` or empty values
        in a plan: they are not known yet. (templated)
    :param password_length: characters of the password that it gets where it has none; ``None``: it needs none.
    :param shared: whether another pipeline's serves this one too.
    :param pipeline_id: a secret that is made gets it as tag ``pipeline``. (templated)
    :param prefix: what the backend puts before the id, ``connections_prefix``. (templated)
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region of the secret.
    :return: the receipt ``{"changed", "conn_id", "secret": its name, "actions"}``, without values.
    :raises UnreadableSecretError: when the secret holds no connection.
    :raises ValueError: when a field has no value, or the secret is another pipeline's.
    """

    template_fields: Sequence[str] = ("conn_id", "fields", "pipeline_id", "prefix", "aws_conn_id")

    def __init__(
        self,
        *,
        conn_id: str,
        fields: Mapping[str, Any],
        pipeline_id: str,
        password_length: int | None = None,
        shared: bool = False,
        prefix: str = "airflow/connections",
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.fields = fields
        self.pipeline_id = pipeline_id
        self.password_length = password_length
        self.shared = shared
        self.prefix = prefix
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> ConnectionSecretHook:
        """The hook that talks to Secrets Manager; imported here, as it brings boto3 along."""
        from pinpipe_airflow.hooks.connection_secret import ConnectionSecretHook

        return ConnectionSecretHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    @cached_property
    def name(self) -> str:
        """The secret's name."""
        return secret_name(self.prefix, self.conn_id)

    def plan(self) -> list[str]:
        """Compare the secret with what it is to hold; of one that is to be restored, no more is to be said."""
        found = self._found()
        if found is None:
            return [f"create secret {self.name}"]
        if found.removed:
            return [f"change secret {self.name}: restored"]
        if unknown := unknown_fields(self.fields):
            self.log.info("Secret %s: %s cannot be compared yet", self.name, ", ".join(unknown))
            return []
        changed = self._completed(self.hook.text(self.name)).changed
        return [f"change secret {self.name}: {', '.join(changed)}"] if changed else []

    def apply(self, context: Context) -> dict[str, Any]:
        """Create or restore the secret, and put there what it lacks."""
        if unknown := unknown_fields(self.fields):
            raise ValueError(
                f"connection {self.conn_id!r}: {', '.join(unknown)} has no value: see the task that was to give it"
            )
        actions = self._create_or_restore()
        if "created" not in actions:
            completed = self._completed(self.hook.text(self.name))
            if completed.changed:
                self.hook.put(self.name, completed.text)
                actions += [f"set {field}" for field in completed.changed]
        for action in actions:
            self.log.info("Secret %s: %s", self.name, action)
        if not actions:
            self.log.info("Secret %s holds what it is to hold", self.name)
        return {"changed": bool(actions), "conn_id": self.conn_id, "secret": self.name, "actions": actions}

    def _create_or_restore(self) -> list[str]:
        found = self._found()
        if found is None:
            made = self.hook.create(
                self.name,
                self._completed(None).text,
                description=f"Airflow connection {self.conn_id} of the pipeline {self.pipeline_id}",
                tags=pipeline_tags(self.pipeline_id),
            )
            return ["created"] if made else []  # somebody else was faster
        if found.removed:
            self.hook.restore(self.name)
            return ["restored"]
        return []

    def _found(self) -> Secret | None:
        found = self.hook.describe(self.name)
        if found and not self.shared and (owner := found.tags.get(PIPELINE, self.pipeline_id)) != self.pipeline_id:
            raise ValueError(
                f"secret {self.name} is that of the pipeline {owner!r} (its tag {PIPELINE}), not of "
                f"{self.pipeline_id!r}: give this pipeline connections of its own, by kafka_conn_id and api_conn_id"
            )
        return found

    def _completed(self, text: str | None) -> Completed:
        return complete(text, self.fields, password_length=self.password_length, name=self.name)


class ConnectionSecretRemovalOperator(BaseOperator):
    """Removes connections from Secrets Manager that ``provision`` made there; they can be restored for some days.

    What is not there is passed over, and so is what somebody else made: it lacks the pipeline's tag.

    :param conn_ids: ids of the connections. (templated)
    :param pipeline_id: their tag ``pipeline``. (templated)
    :param prefix: what the backend puts before the ids, ``connections_prefix``. (templated)
    :param recovery_days: for how many days they can be restored, 7 to 30.
    :param aws_conn_id: the Airflow connection to AWS.
    :param region_name: AWS region of the secrets.
    :return: ``{"removed": [names of secrets]}``.
    """

    template_fields: Sequence[str] = ("conn_ids", "pipeline_id", "prefix", "aws_conn_id")

    def __init__(
        self,
        *,
        conn_ids: Sequence[str],
        pipeline_id: str,
        prefix: str = "airflow/connections",
        recovery_days: int = 7,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_ids = conn_ids
        self.pipeline_id = pipeline_id
        self.prefix = prefix
        self.recovery_days = recovery_days
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name

    @cached_property
    def hook(self) -> ConnectionSecretHook:
        """The hook that talks to Secrets Manager; imported here, as it brings boto3 along."""
        from pinpipe_airflow.hooks.connection_secret import ConnectionSecretHook

        return ConnectionSecretHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Remove what is there and ours."""
        removed = []
        for name in (secret_name(self.prefix, conn_id) for conn_id in self.conn_ids):
            found = self.hook.describe(name)
            if found is None or found.removed:
                continue
            if not is_of(self.pipeline_id, found.tags):
                self.log.warning("Secret %s has no tag %s=%s: it stays", name, PIPELINE, self.pipeline_id)
                continue
            self.hook.remove(name, self.recovery_days)
            removed.append(name)
        self.log.info("Removed: %s", ", ".join(removed) or "nothing, there is none")
        return {"removed": removed}
