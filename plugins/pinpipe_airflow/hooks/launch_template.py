"""Launch templates of EC2: what an instance is started as."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.patient_aws import PatientAwsHook

_ROOT_DEVICE = "/dev/xvda"
_VOLUME_GB = 16


@dataclass(frozen=True)
class TemplateVersion:
    """The newest version of a launch template.

    :param fingerprint: of what it was made from, its description.
    """

    template_id: str
    number: int
    fingerprint: str


def instance_data(
    *,
    image_parameter: str,
    instance_type: str,
    instance_profile: str,
    security_group_ids: Sequence[str],
    user_data: str,
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """Return a launch template's content for an instance that nobody reaches but through its security groups.

    It has no public address and no key for SSH (people get in by SSM Session Manager), an encrypted disk, and gives
    its role's credentials to those alone that ask twice (IMDSv2) and from the instance itself.

    :param image_parameter: public SSM parameter with the id of the image: each instance starts from the newest.
    :param instance_profile: name of the instance profile with its role.
    """
    return {
        "ImageId": f"resolve:ssm:{image_parameter}",
        "InstanceType": instance_type,
        "IamInstanceProfile": {"Name": instance_profile},
        "NetworkInterfaces": [
            {
                "DeviceIndex": 0,
                "AssociatePublicIpAddress": False,
                "DeleteOnTermination": True,
                "Groups": list(security_group_ids),
            }
        ],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"},
        "BlockDeviceMappings": [
            {
                "DeviceName": _ROOT_DEVICE,
                "Ebs": {
                    "Encrypted": True,
                    "VolumeType": "gp3",
                    "VolumeSize": _VOLUME_GB,
                    "DeleteOnTermination": True,
                },
            }
        ],
        "UserData": base64.b64encode(user_data.encode()).decode(),
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": aws_tags.to_list(tags)}
            for kind in ("instance", "volume", "network-interface")
        ],
    }


def fingerprint(data: Mapping[str, Any]) -> str:
    """Return what tells one content from another."""
    return f"sha256:{hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()}"


class LaunchTemplateHook(PatientAwsHook):
    """Describes, creates and deletes launch templates.

    EC2 gives a template's content back in another form than it takes it: a version is known by the fingerprint in its
    description.

    Takes what the provider's ``AwsBaseHook`` takes.
    """

    service = "ec2"

    def newest(self, name: str) -> TemplateVersion | None:
        """Return the newest version of the template called ``name``, ``None`` when there is none."""
        try:
            found = self.client.describe_launch_template_versions(LaunchTemplateName=name, Versions=["$Latest"])
        except ClientError as error:
            if not _not_there(error):
                raise
            return None
        version = max(found["LaunchTemplateVersions"], key=lambda each: each["VersionNumber"])
        return TemplateVersion(
            version["LaunchTemplateId"], version["VersionNumber"], version.get("VersionDescription", "")
        )

    def tags(self, name: str) -> dict[str, str]:
        """Return the tags of the template called ``name``; none when there is none."""
        try:
            found = self.client.describe_launch_templates(LaunchTemplateNames=[name])["LaunchTemplates"]
        except ClientError as error:
            if not _not_there(error):
                raise
            return {}
        return aws_tags.to_dict(found[0].get("Tags", [])) if found else {}

    def create(self, name: str, data: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Create a template."""
        self.client.create_launch_template(
            LaunchTemplateName=name,
            VersionDescription=fingerprint(data),
            LaunchTemplateData=dict(data),
            TagSpecifications=[{"ResourceType": "launch-template", "Tags": aws_tags.to_list(tags)}],
        )

    def add_version(self, name: str, data: Mapping[str, Any]) -> None:
        """Add a version to a template."""
        self.client.create_launch_template_version(
            LaunchTemplateName=name, VersionDescription=fingerprint(data), LaunchTemplateData=dict(data)
        )

    def delete(self, name: str) -> bool:
        """Delete a template with all versions; return whether there was one."""
        try:
            self.client.delete_launch_template(LaunchTemplateName=name)
        except ClientError as error:
            if not _not_there(error):
                raise
            return False
        return True


def _not_there(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in (
        "InvalidLaunchTemplateName.NotFoundException",
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateId.NotFoundException",
    )
