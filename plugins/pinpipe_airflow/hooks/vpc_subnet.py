"""Subnets of a VPC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pinpipe_airflow.hooks.patient_aws import PatientAwsHook

_LEAST_ZONES = 2


@dataclass(frozen=True)
class Subnet:
    """A subnet as EC2 has it.

    :param zone: its availability zone.
    """

    subnet_id: str
    vpc_id: str
    zone: str


class VpcSubnetHook(PatientAwsHook):
    """Looks subnets up.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "ec2"

    def describe(self, subnet_ids: Sequence[str], *, setting: str = "vpc_subnet_ids") -> list[Subnet]:
        """Return subnets.

        :param setting: where they are from.
        :raises ValueError: when there is no such subnet in this account and region.
        """
        try:
            found = self.client.describe_subnets(SubnetIds=list(subnet_ids))["Subnets"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidSubnetID.NotFound":
                raise
            raise ValueError(
                f"{error.response['Error']['Message']}: set {setting} to subnets of this account in "
                f"{self.conn_region_name}"
            ) from error
        return [Subnet(each["SubnetId"], each["VpcId"], each["AvailabilityZone"]) for each in found]

    def refuse_other_places(self, subnet_ids: Sequence[str], vpc_id: str) -> None:
        """See that subnets are in a VPC, and in two availability zones at least.

        :raises ValueError: names the subnets that are not, and the way out.
        """
        subnets = self.describe(subnet_ids)
        others = {subnet.subnet_id: subnet.vpc_id for subnet in subnets if subnet.vpc_id != vpc_id}
        if others:
            raise ValueError(
                f"the subnets {others} are not in vpc_id={vpc_id!r}: set vpc_subnet_ids to subnets of it, or vpc_id to "
                "theirs"
            )
        zones = sorted({subnet.zone for subnet in subnets})
        if len(zones) < _LEAST_ZONES:
            raise ValueError(
                f"the subnets {sorted(subnet_ids)} are all in {', '.join(zones)}: set vpc_subnet_ids to subnets of "
                "two availability zones or more"
            )
