"""Where the pipeline's AWS is: what every hook and operator of it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from include.settings import Settings


def aws_place(wanted: Settings) -> dict[str, Any]:
    """Return the connection and the region, as hooks and operators take them."""
    return {"aws_conn_id": wanted.aws_conn_id, "region_name": wanted.region}
