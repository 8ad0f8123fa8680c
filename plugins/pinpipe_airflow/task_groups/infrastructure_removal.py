"""The part of ``teardown`` that removes what the pipeline itself stands on: clusters, proxies, roles, secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk import BaseOperator, TaskGroup, TriggerRule, task

from pinpipe_airflow.inventory.kind import Kind

if TYPE_CHECKING:
    from include.settings import Settings

GATE = "pipeline_removed"
# Where data is kept, what comes before may have been skipped. Where the teardown was rejected, all of it was.
_AFTER_SKIPPED = TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS


def infrastructure_removal(
    wanted: Settings, kinds: Iterable[Kind], *, own: Mapping[str, Any], asked: Any
) -> dict[str, BaseOperator]:
    """Add a task for each kind with a ``removal`` that is made with these settings, in a task group per service.

    None of them runs before the pipeline itself is gone, nor in a teardown that was rejected; those that are data run
    only where data is to be removed, and may have to go before the pipeline's own data.

    :param kinds: in the order in which they are shown.
    :param own: the tasks that remove the pipeline itself, by kind; those that remove data may be skipped.
    :param asked: the task that is skipped unless data is to be removed; it comes after those of ``own`` that are none.
    :return: the tasks by kind; empty where there is none.
    :raises ValueError: when a kind goes after one that is not there, or its task has another id than the kind.
    """
    known = {kind.id: kind for kind in kinds}
    mine = {kind.id: kind for kind in known.values() if kind.removal and kind.made(wanted)}
    if not mine:
        return {}

    @task(task_id=GATE, trigger_rule=_AFTER_SKIPPED)
    def gate() -> None:
        """Wait until the pipeline itself is gone."""

    gone = gate()
    for one in own.values():
        one >> gone
    groups = {
        service: TaskGroup(service, prefix_group_id=False)
        for service in dict.fromkeys(kind.service for kind in mine.values())
    }
    tasks = {kind.id: _removal(kind, wanted, groups[kind.service]) for kind in mine.values()}
    for kind in mine.values():
        removal = tasks[kind.id]
        if kind.is_data:
            asked >> removal
        else:
            gone >> removal
            removal.trigger_rule = _AFTER_SKIPPED
    everything = {**own, **tasks}
    for kind in known.values():
        for before in kind.after:
            if before not in known:
                raise ValueError(f"kind {kind.id} goes after {before!r}, which is none of {', '.join(known)}")
            # One that this environment does not have is not waited for.
            if kind.id in everything and before in everything:
                everything[before] >> everything[kind.id]
    return tasks


def _removal(kind: Kind, wanted: Settings, group: TaskGroup) -> BaseOperator:
    make = cast("Callable[[Settings], BaseOperator]", kind.removal)
    with group:
        removal = make(wanted)
    if removal.task_id != kind.id:
        raise ValueError(f"kind {kind.id} is removed by a task {removal.task_id!r}: give it the kind's id")
    return removal
