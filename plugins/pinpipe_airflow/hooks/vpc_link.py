"""VPC links, by which REST APIs of API Gateway reach what is in a VPC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pinpipe_airflow.hooks.patient_aws import PatientAwsHook
from pinpipe_airflow.progress import Progress

AVAILABLE, GONE = "AVAILABLE", "GONE"


@dataclass(frozen=True)
class VpcLink:
    """A VPC link as API Gateway has it.

    :param status: ``AVAILABLE`` where requests get through.
    :param why: what API Gateway says about it.
    """

    link_id: str
    status: str
    why: str
    target_arns: tuple[str, ...]
    tags: Mapping[str, str]


class VpcLinkHook(PatientAwsHook):
    """Describes, creates and deletes VPC links.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "apigateway"

    def find(self, name: str) -> VpcLink | None:
        """Return the VPC link called ``name``, ``None`` when there is none.

        :raises ValueError: when several links share the name, which API Gateway allows.
        """
        pages = self.client.get_paginator("get_vpc_links").paginate()
        found = [link for page in pages for link in page.get("items", []) if link.get("name") == name]
        if len(found) > 1:
            ids = ", ".join(link["id"] for link in found)
            raise ValueError(f"{len(found)} VPC links are called {name!r}: {ids}; delete all but one")
        return _link(found[0]) if found else None

    def create(self, name: str, target_arn: str, tags: Mapping[str, str]) -> None:
        """Begin to create a VPC link to a network load balancer."""
        self.client.create_vpc_link(name=name, targetArns=[target_arn], tags=dict(tags))

    def delete(self, link_id: str) -> None:
        """Begin to delete a VPC link that no deployed API uses."""
        self.client.delete_vpc_link(vpcLinkId=link_id)

    def progress(self, link_id: str, wanted: Literal["AVAILABLE", "GONE"]) -> Progress:
        """Return how far a VPC link has come.

        :param wanted: what it is to be.
        """
        try:
            link = _link(self.client.get_vpc_link(vpcLinkId=link_id))
        except self.client.exceptions.NotFoundException:
            return Progress("there is no such VPC link", done=wanted == GONE, failed=wanted == AVAILABLE)
        state = f"{link.status}: {link.why}" if link.why else link.status
        return Progress(
            state,
            done=link.status == wanted,
            failed=link.status == "FAILED" or (wanted == AVAILABLE and link.status == "DELETING"),
        )


def _link(found: Mapping[str, Any]) -> VpcLink:
    return VpcLink(
        link_id=found["id"],
        status=found["status"],
        why=found.get("statusMessage", ""),
        target_arns=tuple(found.get("targetArns", [])),
        tags=dict(found.get("tags", {})),
    )
