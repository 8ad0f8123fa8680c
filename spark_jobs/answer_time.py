"""What time it is for a service of AWS, whatever the machine's own clock says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any


def answered_at(answer: Mapping[str, Any]) -> datetime:
    """Return the moment of an answer by its ``Date``, whole seconds; ours where it does not tell one.

    A date without a zone is one of UTC (RFC 5322, 3.3: ``-0000``). A second ``Date``, as a proxy on the way may add
    one, hides the first one's zone.

    :param answer: of boto3.
    """
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        moment = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
