"""What an instance of the REST proxy is: its user data, rendered from the files in ``rest_proxy/``."""

from __future__ import annotations

import re

from include.rendering import read_text, render
from include.rest_proxy_settings import REST_PROXY_PORT

# Amazon's public parameter for the newest Amazon Linux 2023 on arm64:
# https://docs.aws.amazon.com/linux/al2023/ug/ec2.html
IMAGE_PARAMETER = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"

IAM_JAR_VERSION = "2.3.5"
IAM_JAR = (
    "https://repo1.maven.org/maven2/software/amazon/msk/aws-msk-iam-auth/"
    f"{IAM_JAR_VERSION}/aws-msk-iam-auth-{IAM_JAR_VERSION}-all.jar"
)
IAM_JAR_SHA256 = "bcd6020ce1ca2c3f1a65e087057dc8c0757185ba1f169b38e0eda54b617e4225"

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
LONGEST_USER_DATA = 16_384

_FOLDER = "rest_proxy"
_BROKERS = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}(,[A-Za-z0-9.-]+:[0-9]{1,5})*")


def user_data(*, pipeline_id: str, region: str, bootstrap_servers: str, package: str, package_sha256: str) -> str:
    """Return the script that makes an instance a REST proxy.

    :param pipeline_id: id of the pipeline.
    :param region: AWS region that a package in S3 is got from.
    :param bootstrap_servers: the brokers' addresses for IAM, ``host:port`` with commas between.
    :param package: where the Confluent package is, ``https://`` or ``s3://``.
    :param package_sha256: its SHA-256; empty: it is not compared.
    :raises ValueError: when the addresses are none, or the script is longer than EC2 takes.
    """
    if not _BROKERS.fullmatch(bootstrap_servers):
        raise ValueError(
            f"the brokers' addresses are {bootstrap_servers!r}: host:port is needed, several with commas between and "
            "without spaces; they come from the cluster of msk_cluster, else from the Kafka connection's "
            "bootstrap.servers"
        )
    values = {
        "pipeline_id": pipeline_id,
        "region": region,
        "bootstrap_servers": bootstrap_servers,
        "rest_proxy_port": REST_PROXY_PORT,
        "package": package,
        "package_checksum": package_sha256,
        "iam_jar": IAM_JAR,
        "iam_jar_checksum": IAM_JAR_SHA256,
    }
    files = {
        "properties": _rendered("kafka-rest.properties", values),
        "unit": _rendered("kafka-rest.service", values),
    }
    script = _rendered("user_data.sh", {**values, **files}) + "\n"
    if len(script.encode()) > LONGEST_USER_DATA:
        raise ValueError(
            f"user data of {len(script.encode())} bytes: EC2 takes {LONGEST_USER_DATA}; make the files in "
            f"include/{_FOLDER} shorter"
        )
    return script


def _rendered(name: str, values: dict[str, object]) -> str:
    return render(read_text(_FOLDER, name), values, source=f"{_FOLDER}/{name}").rstrip("\n")
