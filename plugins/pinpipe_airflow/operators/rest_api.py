"""Operators for REST APIs of Amazon API Gateway."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from include.rendering import render_yaml
from include.settings import settings
from pinpipe_airflow.hooks.rest_api import ApiGatewayHook

if TYPE_CHECKING:
    from airflow.sdk import Context

# https://docs.aws.amazon.com/apigateway/latest/api/API_CreateApiKey.html
_SHORTEST_KEY, _LONGEST_KEY = 20, 128


class ApiGatewayDeployRestApiOperator(AwsBaseOperator[ApiGatewayHook]):
    """
    Import a REST API from an OpenAPI document, deploy it on a stage and admit one API key to it.

    The document is read and its marks are filled from the settings when the task runs. The API is found by its name;
    it is imported and deployed only when the document differs from the deployed one, whose SHA-256 stands in the
    deployment's description. A second run changes nothing, and a run after one that broke off completes it.

    Returns ``rest_api_id``, ``stage``, ``invoke_url`` (without the stage) and whether the API was ``created``, a
    document ``deployed``, anything ``changed``.

    .. seealso::
        - `Amazon API Gateway: REST APIs from OpenAPI documents \
        <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-import-api.html>`__

    :param name: Name of the API, its API key and its usage plan; it becomes the document's title. (templated)
    :param document_path: OpenAPI document within ``include/``, such as ``api/openapi.yaml``. (templated)
    :param stage_name: Name of the stage. (templated)
    :param api_key_conn_id: Connection whose password is the API key's value, 20 to 128 characters. A key of the same
        name with another value is replaced. (templated)
    :param url_format: Invoke URL without the stage, with ``{api_id}`` and ``{region}`` to be filled in. (templated)
    :param rate_limit: Steady requests per second of the key. (templated)
    :param burst_limit: Requests at once of the key. (templated)
    :param tags: Tags that the API gets; others that it has stay. (templated)
    :param aws_conn_id: The Airflow connection used for AWS credentials.
    :param region_name: AWS region_name. If not specified then the default boto3 behaviour is used.
    :param verify: Whether or not to verify SSL certificates.
    :param botocore_config: Configuration dictionary (key-values) for botocore client.
    """

    aws_hook_class = ApiGatewayHook
    template_fields: Sequence[str] = aws_template_fields(
        "name", "document_path", "stage_name", "api_key_conn_id", "url_format", "rate_limit", "burst_limit", "tags"
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json"}
    ui_color = "#eed8f3"

    def __init__(
        self,
        *,
        name: str,
        document_path: str,
        stage_name: str,
        api_key_conn_id: str,
        url_format: str,
        rate_limit: float | str,
        burst_limit: int | str,
        tags: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.document_path = document_path
        self.stage_name = stage_name
        self.api_key_conn_id = api_key_conn_id
        self.url_format = url_format
        self.rate_limit = rate_limit
        self.burst_limit = burst_limit
        self.tags = tags

    def execute(self, context: Context) -> dict[str, Any]:
        """Bring the API, its stage, key and usage plan to what is declared."""
        api_key = self._api_key()
        document = self._document()
        fingerprint = f"sha256:{hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()}"

        found = self.hook.find_rest_api(self.name)
        deployed = found is None or self.hook.deployed_description(found, self.stage_name) != fingerprint
        rest_api_id = found or ""
        if deployed:
            rest_api_id = self.hook.import_rest_api(document, found)
            self.log.info("REST API %s (%s) is %s", self.name, rest_api_id, "overwritten" if found else "created")
            deployment = self.hook.deploy(rest_api_id, self.stage_name, fingerprint)
            self.log.info("Deployment %s is live on stage %s (%s)", deployment, self.stage_name, fingerprint)
        changed = self._ensure_access(rest_api_id, api_key)
        changed |= self.hook.ensure_tags(rest_api_id, self.tags or {})
        if not (changed or deployed):
            self.log.info("REST API %s (%s) is unchanged", self.name, rest_api_id)
        return {
            "rest_api_id": rest_api_id,
            "stage": self.stage_name,
            "invoke_url": self.hook.invoke_url(rest_api_id, self.url_format),
            "created": found is None,
            "deployed": deployed,
            "changed": changed or deployed,
        }

    def _document(self) -> Mapping[str, Any]:
        document = render_yaml(*self.document_path.split("/"), values=settings().marks)
        return {**document, "info": {**document["info"], "title": self.name}}

    def _api_key(self) -> str:
        key = self.hook.get_connection(self.api_key_conn_id).password or ""
        if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
            raise ValueError(
                f"connection {self.api_key_conn_id!r}: its password is the API key and has {len(key)} characters; "
                f"API Gateway takes {_SHORTEST_KEY} to {_LONGEST_KEY}"
            )
        return key

    def _ensure_access(self, rest_api_id: str, api_key: str) -> bool:
        """Admit the key before the ones that it replaces go."""
        plan_id, plan_changed = self.hook.ensure_usage_plan(
            self.name, rest_api_id, self.stage_name, float(self.rate_limit), int(self.burst_limit)
        )
        key_id, key_changed = self.hook.ensure_api_key(self.name, api_key)
        admitted = self.hook.ensure_usage_plan_key(plan_id, key_id)
        replaced = self.hook.delete_other_api_keys(self.name, key_id)
        return plan_changed or key_changed or admitted or replaced


class ApiGatewayRemoveRestApiOperator(AwsBaseOperator[ApiGatewayHook]):
    """
    Delete a REST API with its usage plan and its API keys, all found by the name that they share.

    Nothing can be posted from then on. Returns ``rest_api_id`` (None when there was none), ``usage_plans`` and
    ``api_keys`` (ids): what was deleted.

    :param name: Name of the API, its API key and its usage plan. (templated)
    :param aws_conn_id: The Airflow connection used for AWS credentials.
    :param region_name: AWS region_name. If not specified then the default boto3 behaviour is used.
    :param verify: Whether or not to verify SSL certificates.
    :param botocore_config: Configuration dictionary (key-values) for botocore client.
    """

    aws_hook_class = ApiGatewayHook
    template_fields: Sequence[str] = aws_template_fields("name")
    ui_color = "#eed8f3"

    def __init__(self, *, name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context: Context) -> dict[str, Any]:
        """Delete the plan first: an API that is in one cannot be deleted."""
        return {
            "usage_plans": self.hook.delete_usage_plans(self.name),
            "api_keys": self.hook.delete_api_keys(self.name),
            "rest_api_id": self.hook.delete_rest_api(self.name),
        }
