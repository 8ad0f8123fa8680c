"""Variables that lead commands elsewhere, each with the way out; secrets are not told."""

from __future__ import annotations

import pytest
from pinpipe_airflow.preflight.result import Finding, Outcome

from pinpipe_cli.doctor.variables import VariableFacts, variables

KNOWN = frozenset({"PINPIPE_ENV", "PINPIPE_HOME", "PINPIPE_PIPELINE_ID"})


def judged(fault: str = "", **environ: str) -> list[Finding]:
    return list(variables(VariableFacts(environ, KNOWN, fault, {"work"}, "/c")))


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"PINPIPE_HOME": "/x", "PINPIPE_ENV": "local", "PINPIPE_PIPELINE_ID": "p"},
        {"AWS_PROFILE": "work", "AWS_ENDPOINT_URL": "http://127.0.0.1:15566"},
        {"http_proxy": "http://proxy:3128"},  # every process passes it by
        {"PYTHONPATH": "/c:/c/plugins"},
        {"JAVA_HOME": "/jdk"},  # judged with Java
    ],
)
def test_what_does_not_mislead_is_ok(environ: dict[str, str]) -> None:
    assert [finding.outcome for finding in judged(**environ)] == [Outcome.OK]


@pytest.mark.parametrize(
    ("environ", "subject", "outcome", "way_out"),
    [
        ({"PINPIPE_ENV": "prod"}, "PINPIPE_ENV", Outcome.WARNING, "pinpipe preflight --env prod"),
        ({"PINPIPE_PIPLINE_ID": "p"}, "PINPIPE_PIPLINE_ID", Outcome.WARNING, "`PINPIPE_PIPELINE_ID` may be meant"),
        ({"PINPIPE_QQQQ": "p"}, "PINPIPE_QQQQ", Outcome.WARNING, "unset PINPIPE_QQQQ"),
        ({"AWS_ENDPOINT_URL_S3": "http://x"}, "AWS_ENDPOINT_URL_S3", Outcome.WRONG, "unset AWS_ENDPOINT_URL_S3"),
        (
            {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
            Outcome.WRONG,
            "unset AWS_IGNORE",
        ),
        ({"AWS_PROFILE": "gone"}, "AWS_PROFILE", Outcome.WRONG, "unset AWS_PROFILE"),
        ({"AIRFLOW__CORE__FERNET_KEY": "k"}, "variables of Airflow and Spark", Outcome.WARNING, "unset AIRFLOW__CORE"),
        ({"SPARK_HOME": "/opt/spark"}, "variables of Airflow and Spark", Outcome.WARNING, "unset SPARK_HOME"),
        ({"PYTHONPATH": "/elsewhere"}, "variables of Python", Outcome.WARNING, "unset PYTHONPATH"),
    ],
)
def test_what_misleads_is_told_with_the_way_out(
    environ: dict[str, str], subject: str, outcome: Outcome, way_out: str
) -> None:
    (finding,) = judged(**environ)
    assert (finding.subject, finding.outcome) == (subject, outcome)
    assert way_out in finding.way_out


def test_a_setting_that_cannot_be_is_wrong_with_its_own_words() -> None:
    (finding,) = judged(fault="PINPIPE_X='y': it should be z")
    assert (finding.outcome, finding.found) == (Outcome.WRONG, "PINPIPE_X='y': it should be z")


def test_secrets_in_variables_are_not_told() -> None:
    secret = "dontTellAnybody"
    found = judged(
        AIRFLOW_CONN_X=secret, AIRFLOW__CORE__FERNET_KEY=secret,
        http_proxy=f"http://u:{secret}@p", AWS_SECRET_ACCESS_KEY=secret,
    )  # fmt: skip
    assert found
    assert secret not in str(found)
