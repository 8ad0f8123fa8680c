"""One kind of thing that ``provision`` makes, as a teardown has to know it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator

    from include.settings import Settings


def everywhere(wanted: Settings) -> bool:
    """Return that it is so in every environment."""
    return True


@dataclass(frozen=True)
class Kind:
    """A kind of thing: how it is found, whether it is data, and how it goes.

    :param id: its name in the inventory, and the id of the task that removes it.
    :param title: what it is, for people, in the plural.
    :param service: the service that it belongs to, which is the task group that removes it: the id of no kind.
    :param find: looks at the service, changes nothing, and returns the names of what exists: empty where there is
        nothing, an exception where the service cannot be asked. It imports what it needs itself, as DAG files read
        this module.
    :param is_data: whether it is kept unless data is to be removed: data, and what data cannot be reached without.
    :param made: whether ``provision`` makes it with these settings; otherwise it is not looked for.
    :param stands_on: ids of the kinds without which nobody can be asked for this one, such as the cluster of topics:
        where one of them is gone, as after a teardown that broke off, there is none of this kind.
    :param askable: whether there is somebody to ask for it, whoever has made that; where not, there is none either.
    :param may_stay: whether it may be left when a teardown has succeeded, as other things may lie in it.
    :param removal: makes the operator that removes it, its ``task_id`` being ``id``, which passes over what is not
        there; ``None`` where the DAG ``teardown`` has a task of its own.
    :param after: ids of the kinds that have to go before.
    """

    id: str
    title: str
    service: str
    find: Callable[[Settings], list[str]]
    is_data: bool = False
    made: Callable[[Settings], bool] = everywhere
    stands_on: tuple[str, ...] = ()
    askable: Callable[[Settings], bool] = everywhere
    may_stay: bool = False
    removal: Callable[[Settings], BaseOperator] | None = None
    after: tuple[str, ...] = ()
