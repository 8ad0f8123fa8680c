"""All kinds of things that ``provision`` makes, and which of them exist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pinpipe_airflow.inventory.api_gateway import API_LOG_GROUP, REST_API
from pinpipe_airflow.inventory.connect import CONNECT_LOG_GROUPS, CONNECT_PLUGINS, CONNECT_WORKERS, CONNECTORS
from pinpipe_airflow.inventory.databricks import DATABRICKS_JOBS
from pinpipe_airflow.inventory.iam import ROLES, UNITY_ROLES
from pinpipe_airflow.inventory.kafka import TOPICS
from pinpipe_airflow.inventory.kind import Kind
from pinpipe_airflow.inventory.kinesis import STREAMS
from pinpipe_airflow.inventory.msk import MSK_CLUSTER
from pinpipe_airflow.inventory.rest_proxy import LOAD_BALANCER, REST_PROXY_INSTANCES, VPC_LINK
from pinpipe_airflow.inventory.s3 import BUCKET
from pinpipe_airflow.inventory.secrets import CONNECTIONS, KAFKA_CONNECTION
from pinpipe_airflow.inventory.unity_catalog import UNITY_CATALOG

if TYPE_CHECKING:
    from include.settings import Settings

type Inventory = Mapping[str, list[str]]
"""Names of what exists, by the id of the kind."""

# In the order in which people read them: as they go.
KINDS: dict[str, Kind] = {
    kind.id: kind
    for kind in (
        REST_API,
        CONNECTORS,
        DATABRICKS_JOBS,
        STREAMS,
        TOPICS,
        UNITY_CATALOG,
        BUCKET,
        API_LOG_GROUP,
        VPC_LINK,
        REST_PROXY_INSTANCES,
        LOAD_BALANCER,
        CONNECT_PLUGINS,
        CONNECT_WORKERS,
        CONNECT_LOG_GROUPS,
        CONNECTIONS,
        MSK_CLUSTER,
        KAFKA_CONNECTION,
        ROLES,
        UNITY_ROLES,
    )
}


class UnknownInventoryError(RuntimeError):
    """What exists cannot be told, as services cannot be asked; the message names each of them and why."""


def inventory(wanted: Settings, kinds: Iterable[Kind] | None = None) -> Inventory:
    """Look at every service, and return what exists.

    :param wanted: the settings, which give the names and the connections.
    :param kinds: :data:`KINDS` unless given.
    :raises UnknownInventoryError: when services cannot be asked, all of them at once.
    """
    made = {kind.id: kind for kind in (KINDS.values() if kinds is None else kinds) if kind.made(wanted)}
    found: dict[str, list[str]] = {}
    unknown: dict[str, Exception] = {}

    def look(kind: Kind) -> None:
        if kind.id in found or kind.id in unknown:
            return
        grounds = [made[ground] for ground in kind.stands_on if ground in made]
        for ground in grounds:
            look(ground)
        if any(ground.id in unknown or not found[ground.id] for ground in grounds):
            found[kind.id] = []  # nobody is there to ask
            return
        try:
            found[kind.id] = kind.find(wanted) if kind.askable(wanted) else []
        except Exception as error:  # told below, with the others
            unknown[kind.id] = error

    for kind in made.values():
        look(kind)
    if unknown:
        told = "; ".join(f"{made[kind].title}: {type(error).__name__}: {error}" for kind, error in unknown.items())
        first = next(iter(unknown.values()))
        raise UnknownInventoryError(
            f"nobody knows what there is to remove, so nothing is removed: {told}. Mend the connections or the "
            "services, then run the DAG teardown again"
        ) from first
    return {kind: found[kind] for kind in made}
