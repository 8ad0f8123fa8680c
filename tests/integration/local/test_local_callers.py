"""The servers without a password of their own, as they are started: what a page in a browser is told, and a program."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import boto3
import httpx
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local import ports

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[3]
KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
SERVERS = ("ministack", "gateway", "kafka_rest")
HEALTH = {"ministack": "/_ministack/health", "gateway": "/health", "kafka_rest": "/health"}
# To each service that the project has a use for, something that it answers without having been asked before.
CALLS = {
    "apigateway": "get_rest_apis",
    "autoscaling": "describe_auto_scaling_groups",
    "ec2": "describe_subnets",
    "elbv2": "describe_load_balancers",
    "iam": "list_roles",
    "kafka": "list_clusters",
    "kinesis": "list_streams",
    "logs": "describe_log_groups",
    "s3": "list_buckets",
    "secretsmanager": "list_secrets",
    "sns": "list_topics",
    "sqs": "list_queues",
    "ssm": "describe_parameters",
    "sts": "get_caller_identity",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The servers' state folder, deep enough that what leads out of it is still the tests' own."""
    return tmp_path_factory.mktemp("around") / "a" / "b" / "c" / "world"


@pytest.fixture(scope="module")
def servers(home: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run them without a broker behind: who is refused is refused before anybody is asked."""
    home.mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        _choose_free_ports(patch)
        settings = {
            **os.environ, **KEYS, "PYTHONPATH": str(ROOT), "PINPIPE_HOME": str(home),
            "AWS_ENDPOINT_URL": ports.url("ministack"), "PINPIPE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
            "GATEWAY_PORT": str(ports.port("ministack")), "BIND_HOST": ports.HOST, "IOT_MTLS_ENABLED": "0",
            "S3_PERSIST": "1", "S3_DATA_DIR": str(home / "s3"),
            "PERSIST_STATE": "1", "STATE_DIR": str(home / "state"),
        }  # fmt: skip
        running: dict[str, subprocess.Popen[bytes]] = {}
        try:
            for name in SERVERS:
                with (home / f"{name}.log").open("wb") as log:
                    running[name] = subprocess.Popen(
                        [sys.executable, "-m", f"local.{name}"], cwd=ROOT, env=settings, stdout=log, stderr=log
                    )
            for name, process in running.items():
                _wait_until_it_answers(name, process, home / f"{name}.log")
            yield running
        finally:
            for process in running.values():
                process.send_signal(signal.SIGTERM)
            for process in running.values():
                process.wait(60)


def _choose_free_ports(patch: pytest.MonkeyPatch) -> None:
    for offset in range(5_000, 16_000, 97):  # below the ports that the kernel gives to those who call
        patch.setenv("PINPIPE_PORT_OFFSET", str(offset))
        probes = [socket.socket() for _ in SERVERS]
        try:
            for name, probe in zip(SERVERS, probes, strict=True):
                probe.bind((ports.HOST, ports.port(name)))
        except OSError:
            continue
        else:
            return
        finally:
            for probe in probes:
                probe.close()
    raise AssertionError("no ports are free")


def _wait_until_it_answers(name: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(ports.url(name) + HEALTH[name], timeout=5, trust_env=False)
        except httpx.HTTPError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        else:
            return


def ask(server: str, path: str = "/", method: str = "GET", **headers: str) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.request(method, ports.url(server) + path, headers=sent, timeout=30, trust_env=False)


@pytest.mark.parametrize("server", SERVERS)
def test_a_page_whose_name_leads_to_this_machine_is_refused(servers: object, server: str) -> None:
    for path in (HEALTH[server], "/", "/topics", "/restapis", "/bucket/key"):
        answer = ask(server, path, host=f"attacker.example:{ports.port(server)}")
        assert (answer.status_code, "call 127.0.0.1" in answer.text) == (403, True), path


@pytest.mark.parametrize("server", SERVERS)
def test_no_server_lets_a_page_read_or_send_what_is_asked_leave_for(servers: object, server: str) -> None:
    asked = {"origin": "https://attacker.example", "access_control_request_method": "PUT"}
    for answer in (ask(server, "/bucket/key", "OPTIONS", **asked), ask(server, "/", origin="https://attacker.example")):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize("sent", [{"origin": "https://attacker.example"}, {"sec_fetch_site": "cross-site"}])
def test_ministack_does_nothing_that_a_page_sends_unasked(servers: object, sent: dict[str, str]) -> None:
    s3 = boto3.client("s3", **_client_settings())
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="object", Body=b"x")
    delete = b"<Delete><Object><Key>object</Key></Object></Delete>"
    answer = httpx.post(
        f"{ports.url('ministack')}/kept?delete",
        content=delete,
        headers={"content-type": "text/plain", **{name.replace("_", "-"): value for name, value in sent.items()}},
        trust_env=False,
    )
    assert answer.status_code == 403
    assert s3.get_object(Bucket="kept", Key="object")["Body"].read() == b"x"
    assert ask("ministack", "/_ministack/reset", "POST", **sent).status_code == 403


@pytest.mark.parametrize(
    "key", ["../../../../escaped", "/etc/escaped", "a/../../../../../escaped", "..%2f..%2fescaped"]
)
def test_no_key_of_an_object_leads_out_of_the_folder(servers: object, home: Path, key: str) -> None:
    s3 = boto3.client("s3", **_client_settings())
    s3.create_bucket(Bucket="keys")
    with suppress(ClientError):  # refused is well too
        s3.put_object(Bucket="keys", Key=key, Body=b"x")
    written = [path for path in home.parents[3].rglob("*escaped*") if not path.is_relative_to(home / "s3")]
    assert written == []
    assert not Path("/etc/escaped").exists()


def _client_settings() -> dict[str, object]:
    return {
        "endpoint_url": ports.url("ministack"), "region_name": "us-east-1", "aws_access_key_id": "local",
        "aws_secret_access_key": "local", "config": Config(retries={"total_max_attempts": 1}),
    }  # fmt: skip


@pytest.mark.parametrize("service", CALLS)
def test_a_program_is_answered_by_each_service_that_there_is_a_use_for(servers: object, service: str) -> None:
    client = boto3.client(service, **_client_settings())
    assert getattr(client, CALLS[service])()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("service", "call"), [("lambda", "list_functions"), ("glue", "get_jobs"), ("ecs", "list_clusters")]
)
def test_there_is_no_service_that_runs_what_it_is_given(servers: object, service: str, call: str) -> None:
    with pytest.raises(ClientError):
        getattr(boto3.client(service, **_client_settings()), call)()


def test_they_listen_on_loopback_alone(servers: dict[str, subprocess.Popen[bytes]]) -> None:
    for name, process in servers.items():
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        listening = {
            (found.laddr.ip, found.laddr.port)
            for member in family
            for found in member.net_connections("inet")
            if found.status == psutil.CONN_LISTEN
        }
        assert (ports.HOST, ports.port(name)) in listening
        assert {address for address, _ in listening} == {ports.HOST}, name
