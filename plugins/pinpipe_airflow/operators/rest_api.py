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
from pinpipe_airflow.defined_connection import find_connection
from pinpipe_airflow.hooks.api_stage import ApiStageHook, StageSettings, told
from pinpipe_airflow.hooks.rest_api import ApiGatewayHook
from pinpipe_airflow.operators.provisioning import ProvisioningOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

# https://docs.aws.amazon.com/apigateway/latest/api/API_CreateApiKey.html
_SHORTEST_KEY, _LONGEST_KEY = 20, 128


class ApiGatewayDeployRestApiOperator(ProvisioningOperator, AwsBaseOperator[ApiStageHook]):
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
    :param marks: Values of marks in the document that the settings cannot know, or that are to count instead of
        theirs, such as the ``api_kinesis_role`` that is made here: mappings, the last counts. (templated)
    :param tags: Tags that the API and its stage get; others that they have stay. (templated)
    :param log_group: CloudWatch log group of the stage's access log, which has to be there. (templated)
    :param access_log: Whether the stage writes an access log there; if not, it is taken away where it does.
    :param metrics: Whether CloudWatch gets metrics of each method.
    :param stage_rate_limit: Steady requests per second of each method, all keys together; 0: not looked at.
    :param stage_burst_limit: Requests at once, likewise.
    :param aws_conn_id: The Airflow connection used for AWS credentials.
    :param region_name: AWS region_name. If not specified then the default boto3 behaviour is used.
    :param verify: Whether or not to verify SSL certificates.
    :param botocore_config: Configuration dictionary (key-values) for botocore client.
    """

    aws_hook_class = ApiStageHook
    template_fields: Sequence[str] = aws_template_fields(
        "name",
        "document_path",
        "stage_name",
        "api_key_conn_id",
        "url_format",
        "rate_limit",
        "burst_limit",
        "tags",
        "marks",
        "log_group",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"tags": "json", "marks": "json"}
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
        marks: Sequence[Mapping[str, Any]] = (),
        log_group: str = "",
        access_log: bool = False,
        metrics: bool = False,
        stage_rate_limit: float = 0.0,
        stage_burst_limit: int = 0,
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
        self.marks = marks
        self.log_group = log_group
        self.access_log = access_log
        self.metrics = metrics
        self.stage_rate_limit = stage_rate_limit
        self.stage_burst_limit = stage_burst_limit

    def plan(self) -> list[str]:
        """Return what of the API, its stage, key and usage plan would be created or changed."""
        fingerprint = _fingerprint(self._document())
        # Before `provision` has made the connection: whatever key there is will be another than the one to come.
        api_key = self._api_key() if find_connection(self.api_key_conn_id) else ""
        found = self.hook.find_rest_api(self.name)
        if found is None:
            planned = [f"create REST API {self.name} with stage {self.stage_name}"]
        elif self.hook.deployed_description(found, self.stage_name) != fingerprint:
            planned = [f"change REST API {self.name}: import the document and deploy it on stage {self.stage_name}"]
        else:
            planned = []
        if found is not None:
            changes = self.hook.stage_changes(found, self.stage_name, self._stage())
            planned += [f"change stage {self.stage_name}: {change}" for change in told(changes)]
            planned += self._planned_tags(found)
        return planned + self._planned_access(found or "", api_key)

    def _planned_tags(self, rest_api_id: str) -> list[str]:
        """Return the tags that differ; a stage that is not there yet gets all."""
        things = {f"REST API {self.name}": None, f"stage {self.stage_name}": self.stage_name}
        return [
            f"change {thing}: tag {key}={value}"
            for thing, stage in things.items()
            for key, value in self.hook.different_tags(rest_api_id, self.tags or {}, stage).items()
        ]

    def _planned_access(self, rest_api_id: str, api_key: str) -> list[str]:
        planned = self.hook.planned_usage_plan(
            self.name, rest_api_id, self.stage_name, float(self.rate_limit), int(self.burst_limit)
        )
        return planned + self.hook.planned_api_key(self.name, api_key)

    def apply(self, context: Context) -> dict[str, Any]:
        """Bring the API, its stage, key and usage plan to what is declared."""
        api_key = self._api_key()
        document = self._document()
        fingerprint = _fingerprint(document)

        found = self.hook.find_rest_api(self.name)
        deployed = found is None or self.hook.deployed_description(found, self.stage_name) != fingerprint
        rest_api_id = found or ""
        if deployed:
            rest_api_id = self.hook.import_rest_api(document, found)
            self.log.info("REST API %s (%s) is %s", self.name, rest_api_id, "overwritten" if found else "created")
            deployment = self.hook.deploy(rest_api_id, self.stage_name, fingerprint)
            self.log.info("Deployment %s is live on stage %s (%s)", deployment, self.stage_name, fingerprint)
        changed = self._ensure_stage(rest_api_id)
        changed |= self._ensure_access(rest_api_id, api_key)
        changed |= self.hook.ensure_tags(rest_api_id, self.tags or {})
        changed |= self.hook.ensure_tags(rest_api_id, self.tags or {}, self.stage_name)
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
        values = dict(settings().marks)
        for marks in self.marks:
            values |= marks
        document = render_yaml(*self.document_path.split("/"), values=values)
        return {**document, "info": {**document["info"], "title": self.name}}

    def _api_key(self) -> str:
        key = self.hook.get_connection(self.api_key_conn_id).password or ""
        if not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
            raise ValueError(
                f"connection {self.api_key_conn_id!r}: its password is the API key and has {len(key)} characters; "
                f"API Gateway takes {_SHORTEST_KEY} to {_LONGEST_KEY}"
            )
        return key

    def _ensure_stage(self, rest_api_id: str) -> bool:
        changes = self.hook.stage_changes(rest_api_id, self.stage_name, self._stage())
        if changes:
            self.hook.change_stage(rest_api_id, self.stage_name, changes)
        return bool(changes)

    def _stage(self) -> StageSettings:
        if self.access_log and not self.log_group:
            raise ValueError(f"task {self.task_id}: access_log without log_group: give the name of one")
        return StageSettings(
            log_group=self.log_group,
            access_log=self.access_log,
            metrics=self.metrics,
            rate_limit=self.stage_rate_limit,
            burst_limit=self.stage_burst_limit,
        )

    def _ensure_access(self, rest_api_id: str, api_key: str) -> bool:
        """Admit the key before the ones that it replaces go."""
        plan_id, plan_changed = self.hook.ensure_usage_plan(
            self.name, rest_api_id, self.stage_name, float(self.rate_limit), int(self.burst_limit)
        )
        key_id, key_changed = self.hook.ensure_api_key(self.name, api_key)
        admitted = self.hook.ensure_usage_plan_key(plan_id, key_id)
        replaced = self.hook.delete_other_api_keys(self.name, key_id)
        return plan_changed or key_changed or admitted or replaced


def _fingerprint(document: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()}"


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
