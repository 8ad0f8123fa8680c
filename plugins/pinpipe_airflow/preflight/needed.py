"""What an entry says of IAM actions that are called: which, on what, and when."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.settings import Settings

_LOOKS = re.compile(r"^[a-z0-9-]+:(Get|List|Describe|Filter|GET$)")


@dataclass(frozen=True)
class Caller:
    """Where actions are asked for.

    :param partition: ``aws``, or that of China or GovCloud.
    :param account: the account's id.
    """

    partition: str
    account: str
    wanted: Settings

    def arn(self, service: str, resource: str, *, regional: bool = True, owned: bool = True) -> str:
        """Return an ARN in this account and the settings' region."""
        region = self.wanted.region if regional else ""
        return f"arn:{self.partition}:{service}:{region}:{self.account if owned else ''}:{resource}"


def _always(wanted: Settings) -> bool:
    return True


def _everything(caller: Caller) -> list[str]:
    return ["*"]


def _nothing(wanted: Settings) -> dict[str, str]:
    return {}


@dataclass(frozen=True)
class Needed:
    """Actions on the same resources.

    :param subject: what they are about, for people.
    :param actions: IAM actions.
    :param resources: ARNs that they are simulated on.
    :param when: whether they are called with these settings.
    :param teardown_only: whether only ``teardown`` calls them, so that ``provision`` gets on without.
    :param context: condition keys with the value that the calls have.
    :param looked_at_in_plans: whether those that only look are called in a plan too, which compares.
    """

    subject: str
    actions: Sequence[str]
    resources: Callable[[Caller], list[str]] = _everything
    when: Callable[[Settings], bool] = _always
    teardown_only: bool = False
    context: Callable[[Settings], Mapping[str, str]] = _nothing
    looked_at_in_plans: bool = True

    def called_in_plans(self, action: str) -> bool:
        """Return whether a plan, which changes nothing, calls an action too."""
        return self.looked_at_in_plans and bool(_LOOKS.match(action))
