"""Log groups of CloudWatch Logs: how long they keep, and the errors in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pinpipe_airflow.hooks.patient_aws import PatientAwsHook

# Filtering is done page by page, most of them empty: this many are minutes of a busy worker.
_MOST_PAGES = 50
_LONGEST_LINE = 600


@dataclass(frozen=True)
class LogGroup:
    """A log group.

    :param arn: without the ``:*`` that policies have.
    :param days: days that logs are kept, ``None``: for ever.
    """

    name: str
    arn: str
    days: int | None


class LogGroupHook(PatientAwsHook):
    """Finds, creates, changes, searches and deletes log groups; takes what ``AwsBaseHook`` takes."""

    service = "logs"

    def find(self, name: str) -> LogGroup | None:
        """Return a log group, ``None`` when there is none of this name."""
        pages = self.client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name)
        for page in pages:
            for group in page["logGroups"]:
                if group["logGroupName"] == name:
                    return LogGroup(name, group["arn"].removesuffix(":*"), group.get("retentionInDays"))
        return None

    def create(self, name: str, tags: Mapping[str, str]) -> bool:
        """Create a log group; return ``False`` when there is one."""
        try:
            self.client.create_log_group(logGroupName=name, tags=dict(tags))
        except self.client.exceptions.ResourceAlreadyExistsException:
            return False
        return True

    def keep(self, name: str, days: int) -> None:
        """Have logs kept for so many days."""
        self.client.put_retention_policy(logGroupName=name, retentionInDays=days)

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a log group."""
        tags: dict[str, str] = self.client.list_tags_for_resource(resourceArn=arn)["tags"]
        return tags

    def add_tags(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set ``tags`` of a log group and leave its others alone."""
        self.client.tag_resource(resourceArn=arn, tags=dict(tags))

    def lines(self, name: str, pattern: str, since: datetime, most: int = 10) -> list[str]:
        """Return the last lines of a log group that match, shortened.

        :param pattern: filter pattern, such as ``?ERROR ?FATAL``.
        :param since: from when on.
        :param most: so many lines at most.
        """
        pages = self.client.get_paginator("filter_log_events").paginate(
            logGroupName=name, filterPattern=pattern, startTime=int(since.timestamp() * 1000)
        )
        last: deque[str] = deque(maxlen=most)
        try:
            for page in islice(pages, _MOST_PAGES):
                last.extend(event["message"].strip()[:_LONGEST_LINE] for event in page["events"])
        except self.client.exceptions.ResourceNotFoundException:
            return []
        return list(last)

    def delete(self, name: str) -> bool:
        """Delete a log group with its logs; return whether there was one."""
        try:
            self.client.delete_log_group(logGroupName=name)
        except self.client.exceptions.ResourceNotFoundException:
            return False
        return True
