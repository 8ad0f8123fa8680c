"""What operators have in common that remove something of AWS which the pipeline has made under a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pinpipe_airflow import aws_tags
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator


class OwnedRemovalOperator(AwsWaitingOperator):
    """Removes what has a name, and waits until it is gone; what is not there is passed over.

    What lacks the tags is not the pipeline's, and stays.

    :param name: its name. (templated)
    :param tags: tags that it must have. (templated)
    :return: a receipt ``{"removed": [names]}``.
    """

    template_fields: Sequence[str] = ("name", "tags", "aws_conn_id", "region_name")

    def __init__(self, *, name: str, tags: Mapping[str, str], wait_timeout: float = 3_600, **kwargs: Any) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.name = name
        self.tags = tags

    def is_ours(self, what: str, tags: Mapping[str, str]) -> bool:
        """Return whether something has the tags; say that it stays where not."""
        missing = aws_tags.different(self.tags, tags)
        if missing:
            self.log.warning("%s %s lacks the tags %s: it is not the pipeline's and stays", what, self.name, missing)
        return not missing

    def removed(self, *names: str) -> dict[str, Any]:
        """Return the receipt."""
        self.log.info("Removed: %s", ", ".join(names) or "nothing, there was nothing")
        return {"removed": list(names)}
