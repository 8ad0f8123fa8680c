"""The sensor that waits until records can go the whole way through the REST API to Kafka."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseHook, BaseSensorOperator

from pinpipe_airflow.operators.provisioning import APPLY

if TYPE_CHECKING:
    from airflow.sdk import Context

# Somewhat longer than API Gateway waits for the REST proxy.
_CONNECT_S, _READ_S = 10, 35
_LONGEST_ANSWER = 300


class RestApiTopicsSensor(BaseSensorOperator):
    """Asks a REST API for the topics until it names all of them.

    That takes the API with its key and usage plan, the VPC link, the load balancer, a healthy REST proxy and its right
    to the topics: each of them settles some time after AWS says that it is there.

    :param deployed: what the task that deployed the API returned, with ``invoke_url`` and ``stage``. (templated)
    :param topics: names of the topics. (templated)
    :param api_key_conn_id: the Airflow connection whose password is the API key. (templated)
    :param provisioning_mode: in another mode than ``apply`` nothing is waited for, as nothing was made. (templated)
    :param poke_interval: seconds between two looks, 5 or more; no worker slot is taken between them.
    :param timeout: seconds to wait, counted from the first look.
    :raises AirflowSensorTimeout: when it does not in time; what it answered is in the log of each look.
    """

    template_fields: Sequence[str] = ("deployed", "topics", "api_key_conn_id", "provisioning_mode")

    def __init__(
        self,
        *,
        deployed: Any,
        topics: Sequence[str],
        api_key_conn_id: str,
        provisioning_mode: str = APPLY,
        poke_interval: float = 15,
        timeout: float = 600,
        mode: str = "reschedule",
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, timeout=timeout, mode=mode, **kwargs)
        self.deployed = deployed
        self.topics = topics
        self.api_key_conn_id = api_key_conn_id
        self.provisioning_mode = provisioning_mode

    def poke(self, context: Context) -> bool:
        """Return whether the API names all topics."""
        if self.provisioning_mode != APPLY:
            return True
        import requests

        url = f"{self.deployed['invoke_url']}/{self.deployed['stage']}/topics"
        key = BaseHook.get_connection(self.api_key_conn_id).password or ""
        try:
            answer = requests.get(url, headers={"x-api-key": key}, timeout=(_CONNECT_S, _READ_S))
        except requests.RequestException as error:
            self.log.warning("GET %s: %s: %s", url, type(error).__name__, error)
            return False
        if answer.status_code != requests.codes.ok:
            self.log.warning(
                "GET %s: HTTP %s %s. 403: the key is not known yet; 500 or 504: VPC link or REST proxy do not answer: "
                "see docs/setup/rest-proxy.md",
                url,
                answer.status_code,
                answer.text[:_LONGEST_ANSWER],
            )
            return False
        return self._names_all(url, answer)

    def _names_all(self, url: str, answer: Any) -> bool:
        try:
            named = answer.json()
        except ValueError:
            named = None
        if not isinstance(named, list):
            self.log.warning("GET %s names no topics: %s", url, answer.text[:_LONGEST_ANSWER])
            return False
        missing = [topic for topic in self.topics if topic not in named]
        if missing:
            self.log.warning("GET %s does not name %s: the REST proxy's role may not see them", url, ", ".join(missing))
            return False
        self.log.info("Records get from the REST API to Kafka: GET %s names all of %d topics", url, len(self.topics))
        return True
