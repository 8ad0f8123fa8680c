"""What a teardown removes and keeps, as the person who approves it reads it, and as its receipt says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include import layout
from pinpipe_airflow.inventory.registry import KINDS, Inventory
from pinpipe_airflow.operators.provisioning import PLAN

if TYPE_CHECKING:
    from include.settings import Settings

PROVISION, TEARDOWN = "provision", "teardown"
KEEP, REMOVE = "keep", "remove"

_TABLE_LAYERS = (*layout.LAYERS, "answers")


class UnconfirmedError(ValueError):
    """Data is to be removed, and the confirmation does not name the pipeline."""


class SomethingLeftError(RuntimeError):
    """What was to be removed is there, still or again."""


class BesideError(RuntimeError):
    """The pipeline would be made and removed at the same time."""


def refuse_beside(dag_id: str, runs: int) -> None:
    """Make sure that ``provision`` and ``teardown`` do not run at the same time.

    Each looks whether the other runs when it is itself running, so of two that begin at once not both get on.

    :param dag_id: the other one.
    :param runs: how many runs of it are going on.
    :raises BesideError: when there is one.
    """
    if runs:
        raise BesideError(
            f"a run of {dag_id} is going on, and one of the two would undo what the other does: wait until it has "
            "ended (a teardown waits for its answer under Required Actions), then run this DAG again"
        )


def refuse_task_beside(context: Any) -> None:
    """Have no task of ``provision`` and ``teardown`` begin while the other DAG runs; to be called before each.

    Both look first, but a failed task of an old run that is cleared begins without that.

    :param context: the task's.
    :raises BesideError: when it does; what a refused run of the other has kept from beginning is tried again.
    """
    if context["params"].get("mode") == PLAN:
        return
    task = context["ti"]
    other = PROVISION if task.dag_id == TEARDOWN else TEARDOWN
    refuse_beside(other, task.get_dr_count(other, states=["running"]))


def refuse_unconfirmed(data: str, confirm: str, pipeline_id: str) -> None:
    """Make sure that who asks for the removal of data has named the pipeline whose data it is.

    :raises UnconfirmedError: when it was not, with the way out.
    """
    if data == REMOVE and confirm != pipeline_id:
        raise UnconfirmedError(
            f"param data='{REMOVE}' removes every record and table for good, and confirm={confirm!r} does not name the "
            f"pipeline: give confirm='{pipeline_id}' too, or data='{KEEP}'"
        )


def data_places(wanted: Settings) -> list[str]:
    """Return where the pipeline's data lies in S3, ``s3://<bucket>/<prefix>/``, receipts last."""
    root = f"s3://{wanted.bucket}"
    topics = [*wanted.topics.values(), wanted.dead_letter_topic]
    managed = [f"{root}/{layout.MANAGED_ROOT}/"] if wanted.databricks_catalog else []
    return [
        *(f"{root}/{layout.RAW_ROOT}/{topic}/" for topic in topics),
        *(f"{wanted.lake_root.rstrip('/')}/{layer}/" for layer in _TABLE_LAYERS),
        *managed,
        *(
            f"{root}/{folder}/"
            for folder in (layout.REPORT_ROOT, layout.CHECKPOINT_ROOT, layout.CONTROL_ROOT, layout.RECEIPT_ROOT)
        ),
    ]


def to_remove(found: Inventory, data: str) -> dict[str, list[str]]:
    """Return what of the inventory goes; the bucket stays if other things lie in it."""
    return {kind: names for kind, names in found.items() if data == REMOVE or not KINDS[kind].is_data}


def plan_text(found: Inventory, data: str, *, places: Sequence[str], unread_since: datetime | None) -> str:
    """Return what is going to be removed and what stays, in Markdown.

    :param found: what exists.
    :param data: ``keep`` or ``remove``.
    :param places: where data lies in S3.
    :param unread_since: when the oldest record arrived that the streaming job has not read; ``None``: there is none.
    """
    goes = to_remove(found, data)
    stays = {kind: names for kind, names in found.items() if kind not in goes}
    lines = ["**Will be removed**", "", *_listed(goes), ""]
    if data == REMOVE:
        lines += ["**All data will be removed, for good:** every version of every object below", ""]
        lines += [*(f"- `{place}`" for place in places), "", "The bucket stays if anything else lies in it.", ""]
    else:
        lines += ["**Stays**, with all raw objects, tables, receipts and reports", "", *_listed(stays), ""]
    if unread_since and goes.get("streams"):
        lines += [
            f"**Records since {unread_since:%Y-%m-%d %H:%M:%S} UTC wait in the Kinesis streams.** A running streaming "
            "job may read them first; what it has not read within its time is lost with the streams.",
            "",
        ]
    lines += ["From then on scheduled DAGs are skipped as not provisioned. The DAG `provision` makes everything anew."]
    return "\n".join(lines)


def refuse_leftovers(found: Inventory, data: str) -> None:
    """Make sure that everything is gone that was to be removed; the bucket may stay.

    :raises SomethingLeftError: names what is left.
    """
    left = {kind: names for kind, names in to_remove(found, data).items() if names and not KINDS[kind].may_stay}
    if left:
        told = "; ".join(f"{KINDS[kind].title}: {', '.join(names)}" for kind, names in left.items())
        raise SomethingLeftError(
            f"there still is, or is again: {told}. Something has made it meanwhile, such as a run of provision or "
            "stream_supervisor; run the DAG teardown again"
        )


def teardown_receipt(
    removed: Mapping[str, Any], *, found: Inventory, data: str, approved_by: str, run_id: str
) -> dict[str, Any]:
    """Return the receipt of a run.

    :param removed: what each task returned, by the task's name; ``None`` for one that was skipped.
    :param found: what there is now.
    :param data: ``keep`` or ``remove``.
    :param approved_by: name of who approved.
    :param run_id: the DAG run's id.
    """
    return {
        "job": TEARDOWN,
        "run_id": run_id,
        "finished_at": datetime.now(UTC).isoformat(),
        "data": data,
        "approved_by": approved_by,
        "removed": {task: done for task, done in removed.items() if done is not None},
        "kept": {kind: names for kind, names in found.items() if names},
    }


def _listed(found: Mapping[str, Sequence[str]]) -> list[str]:
    return [
        f"- {KINDS[kind].title}: {', '.join(f'`{name}`' for name in names) or 'none there'}"
        for kind, names in found.items()
    ]
