from __future__ import annotations

from typing import Any

import httpx

from local.gateway.deployment import Deployment


def resource(path: str, *http_methods: str, **changed: Any) -> dict[str, Any]:
    integration = {"type": "HTTP_PROXY", "uri": "http://endpoint/fixed"}
    return {
        "path": path,
        "resourceMethods": {
            method: {"httpMethod": method, "methodIntegration": integration, **changed} for method in http_methods
        },
    }


def deployment(*resources: dict[str, Any]) -> Deployment:
    snapshot = {"apiKeySource": "HEADER", "models": [], "requestValidators": [], "resources": resources}
    return Deployment(snapshot, httpx.AsyncClient())


def test_a_literal_segment_wins_over_a_parameter() -> None:
    deployed = deployment(
        resource("/", "GET"), resource("/{id}", "GET"), resource("/topics", "GET"), resource("/{id}/x", "GET")
    )

    assert deployed.find([], "GET")
    assert deployed.find(["a"], "GET")[1] == {"id": "a"}  # type: ignore[index]
    assert deployed.find(["topics"], "GET")[1] == {}  # type: ignore[index]
    assert deployed.find(["topics", "x"], "GET")[1] == {"id": "topics"}  # type: ignore[index]


def test_what_is_not_declared_is_not_found() -> None:
    deployed = deployment(resource("/a/{id}", "POST"))

    assert deployed.find(["a"], "POST") is None
    assert deployed.find(["a", "1"], "GET") is None
    assert deployed.find(["a", ""], "POST") is None
    assert deployed.find(["a", "1", "2"], "POST") is None


def test_any_takes_every_method() -> None:
    assert deployment(resource("/a", "ANY")).find(["a"], "PATCH")


def test_what_cannot_be_executed_says_why_and_leaves_the_rest_alone() -> None:
    lambda_ = {"type": "AWS_PROXY", "uri": "arn:aws:apigateway:us-east-1:lambda:path/x"}
    queue = {"type": "AWS", "uri": "arn:aws:apigateway:us-east-1:sqs:path/x"}
    stage_variable = {"type": "HTTP_PROXY", "uri": "http://${stageVariables.host}/"}
    reasons = {
        "/lambda": ({"methodIntegration": lambda_}, "integration type AWS_PROXY is not offered: AWS, HTTP_PROXY are"),
        "/queue": ({"methodIntegration": queue}, "uri 'arn:aws:apigateway:us-east-1:sqs:path/x'"),
        "/iam": ({"authorizationType": "AWS_IAM"}, "authorization by AWS_IAM"),
        "/variable": ({"methodIntegration": stage_variable}, "a fixed http(s) host is needed"),
        "/none": ({"methodIntegration": None}, "integration type None"),
    }
    deployed = deployment(
        resource("/good", "GET"), *(resource(path, "GET", **change) for path, (change, _) in reasons.items())
    )

    assert deployed.find(["good"], "GET")[0].integration is not None  # type: ignore[index]
    for path, (_, reason) in reasons.items():
        method = deployed.find([path[1:]], "GET")[0]  # type: ignore[index]
        assert method.integration is None
        assert f"GET {path}: " in method.unsupported
        assert reason in method.unsupported
