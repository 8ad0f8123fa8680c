"""Operators for the VPC link by which the REST API reaches the REST proxy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from include.rest_proxy_settings import api_connection
from pinpipe_airflow.operators.aws_waiting import AwsWaitingOperator
from pinpipe_airflow.operators.owned_removal import OwnedRemovalOperator
from pinpipe_airflow.operators.provisioning import PLAN, ProvisioningOperator
from pinpipe_airflow.provisioning_step import Step, done, planned

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook
    from pinpipe_airflow.hooks.vpc_link import VpcLink, VpcLinkHook


class VpcLinkOperator(AwsWaitingOperator, ProvisioningOperator):
    """Makes a VPC link to a network load balancer, both found by name, and waits until it is available.

    API Gateway takes some minutes for it; the triggerer waits.

    :param name: name of the link. (templated)
    :param load_balancer: name of the load balancer. (templated)
    :param port: port that it listens on.
    :param tags: tags of the link. (templated)
    :return: a receipt with ``vpc_link_id`` and ``marks``: what the API's document has for ``<<kafka_rest_url>>`` and
        ``<<api_connection>>``. A plan has ``marks`` too, none where there is no link yet.
    :raises ValueError: when there is no such load balancer, or the link is one to another.
    """

    template_fields: Sequence[str] = ("name", "load_balancer", "tags", "aws_conn_id", "region_name")

    def __init__(
        self,
        *,
        name: str,
        load_balancer: str,
        port: int,
        tags: Mapping[str, str],
        wait_timeout: float = 1_200,
        **kwargs: Any,
    ) -> None:
        super().__init__(wait_timeout=wait_timeout, **kwargs)
        self.name = name
        self.load_balancer = load_balancer
        self.port = port
        self.tags = tags

    @cached_property
    def hook(self) -> VpcLinkHook:
        """The hook that talks to API Gateway."""
        from pinpipe_airflow.hooks.vpc_link import VpcLinkHook

        return VpcLinkHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    @cached_property
    def load_balancers(self) -> LoadBalancerHook:
        """The hook that talks to Elastic Load Balancing."""
        from pinpipe_airflow.hooks.load_balancer import LoadBalancerHook

        return LoadBalancerHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Apply, or plan; either tells the API's document what to have."""
        receipt = super().execute(context)
        return {**receipt, "marks": self._marks(self.hook.find(self.name))} if self.mode == PLAN else receipt

    def plan(self) -> list[str]:
        """Return whether the link would be created."""
        return planned(self._steps())

    def apply(self, context: Context) -> dict[str, Any]:
        """Create the link, then wait."""
        if self.load_balancers.find(self.load_balancer) is None:
            raise ValueError(
                f"there is no load balancer {self.load_balancer!r} in {self.hook.conn_region_name}: it is made by the "
                "task before this one, run that again"
            )
        return self._go_on(done(self._steps(), self.log))

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, *, actions: list[str]
    ) -> dict[str, Any]:
        """See that it has become available."""
        self.refuse_unless_done(
            event,
            f"waiting for VPC link {self.name!r}",
            "Delete the link in the API Gateway console where it is FAILED, then run this task again",
        )
        return self._go_on(actions)

    def _steps(self) -> Iterator[Step]:
        link, balancer = self.hook.find(self.name), self.load_balancers.find(self.load_balancer)
        if link is None:
            yield Step(
                f"create VPC link {self.name} to load balancer {self.load_balancer}",
                partial(self.hook.create, self.name, balancer.arn if balancer else "", self.tags),
            )
        elif balancer is None or link.target_arns != (balancer.arn,):
            raise ValueError(
                f"VPC link {self.name!r} ({link.link_id}) leads to {', '.join(link.target_arns)}, "
                f"{balancer.arn if balancer else self.load_balancer} wanted: a link cannot be led elsewhere; remove "
                "the REST API and the link, then provision again"
            )

    def _go_on(self, actions: list[str]) -> dict[str, Any]:
        link = self.hook.find(self.name)
        if link is None:
            raise ValueError(f"VPC link {self.name!r} was deleted meanwhile: run this task again")
        if link.status != "AVAILABLE":
            self.wait_for(self.hook, {"link_id": link.link_id, "wanted": "AVAILABLE"}, actions=actions)
        return {
            "changed": bool(actions),
            "actions": actions,
            "vpc_link_id": link.link_id,
            "marks": self._marks(link),
        }

    def _marks(self, link: VpcLink | None) -> dict[str, str]:
        balancer = self.load_balancers.find(self.load_balancer)
        if link is None or balancer is None:
            return {}
        return {
            "kafka_rest_url": f"http://{balancer.dns_name}:{self.port}",
            "api_connection": api_connection(link.link_id),
        }


class VpcLinkRemovalOperator(OwnedRemovalOperator):
    """Deletes a VPC link and waits until it is gone; the REST API that uses it has to be removed before."""

    @cached_property
    def hook(self) -> VpcLinkHook:
        """The hook that talks to API Gateway."""
        from pinpipe_airflow.hooks.vpc_link import VpcLinkHook

        return VpcLinkHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the link, then wait."""
        link = self.hook.find(self.name)
        if link is None or not self.is_ours("VPC link", link.tags):
            return self.removed()
        if link.status != "DELETING":
            self.hook.delete(link.link_id)
        return self.wait_for(self.hook, {"link_id": link.link_id, "wanted": "GONE"})

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """See that it is gone."""
        self.refuse_unless_done(
            event, f"deleting VPC link {self.name!r}", "See whether an API still uses it, then run this task again"
        )
        return self.removed(self.name)
