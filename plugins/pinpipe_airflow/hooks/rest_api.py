"""REST APIs of Amazon API Gateway."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pinpipe_airflow import aws_tags
from pinpipe_airflow.hooks.patient_aws import PatientAwsHook

if TYPE_CHECKING:
    from mypy_boto3_apigateway import APIGatewayClient
    from mypy_boto3_apigateway.type_defs import ApiKeyTypeDef, PatchOperationTypeDef, UsagePlanTypeDef


class ApiGatewayHook(PatientAwsHook):
    """
    Interact with Amazon API Gateway's REST APIs.

    Provide thick wrapper around :external+boto3:py:class:`boto3.client("apigateway") <APIGateway.Client>`. Every
    ``ensure_…`` method compares first, changes only what differs and returns whether it changed anything.

    Additional arguments (such as ``aws_conn_id``) may be specified and are passed down to the underlying AwsBaseHook.

    .. seealso::
        - :class:`airflow.providers.amazon.aws.hooks.base_aws.AwsBaseHook`
    """

    service = "apigateway"

    @property
    def client(self) -> APIGatewayClient:
        """The boto3 client."""
        return cast("APIGatewayClient", self.conn)

    def find_rest_api(self, name: str) -> str | None:
        """
        Return the id of the REST API called ``name``, None when there is none.

        :param name: name of the API.
        :raises ValueError: when several APIs share the name, which API Gateway allows.
        """
        pages = self.client.get_paginator("get_rest_apis").paginate()
        ids = [api["id"] for page in pages for api in page["items"] if api["name"] == name]
        if len(ids) > 1:
            raise ValueError(
                f"{len(ids)} REST APIs are called {name!r}: {', '.join(ids)}; delete or rename all but one"
            )
        return ids[0] if ids else None

    def get_invoke_url(self, name: str, url_format: str) -> str:
        """
        Return where the REST API called ``name`` is invoked, without a stage.

        :param name: name of the API.
        :param url_format: the URL with ``{api_id}`` and, where wanted, ``{region}``.
        :raises ValueError: when there is no such API, or several.
        """
        rest_api_id = self.find_rest_api(name)
        if rest_api_id is None:
            raise ValueError(f"there is no REST API called {name!r} in {self.conn_region_name}: provision it first")
        return self.invoke_url(rest_api_id, url_format)

    def invoke_url(self, rest_api_id: str, url_format: str) -> str:
        """
        Return where an API is invoked, without a stage.

        :param rest_api_id: id of the API.
        :param url_format: the URL with ``{api_id}`` and, where wanted, ``{region}``.
        """
        try:
            return url_format.format(api_id=rest_api_id, region=self.conn_region_name)
        except (KeyError, IndexError) as error:
            raise ValueError(f"URL format {url_format!r}: only {{api_id}} and {{region}} are filled in") from error

    def import_rest_api(self, document: Mapping[str, Any], rest_api_id: str | None = None) -> str:
        """
        Import an OpenAPI document and return the API's id; nothing of it is live before :meth:`deploy`.

        :param document: OpenAPI document with ``x-amazon-apigateway-*`` extensions.
        :param rest_api_id: API that the document replaces altogether; None creates one.
        """
        body = json.dumps(document).encode()
        if rest_api_id is None:
            return self.client.import_rest_api(parameters={"endpointConfigurationTypes": "REGIONAL"}, body=body)["id"]
        self.client.put_rest_api(restApiId=rest_api_id, mode="overwrite", body=body)
        return rest_api_id

    def deployed_description(self, rest_api_id: str, stage_name: str) -> str | None:
        """
        Return the description of the deployment that a stage serves, None when nothing is deployed there.

        :param rest_api_id: id of the API.
        :param stage_name: name of the stage.
        """
        not_found = self.client.exceptions.NotFoundException
        try:
            stage = self.client.get_stage(restApiId=rest_api_id, stageName=stage_name)
            deployment = self.client.get_deployment(restApiId=rest_api_id, deploymentId=stage["deploymentId"])
        except not_found:
            return None
        return deployment.get("description")

    def deploy(self, rest_api_id: str, stage_name: str, description: str) -> str:
        """
        Deploy the API as it is now on a stage, which is created where missing, and return the deployment's id.

        :param rest_api_id: id of the API.
        :param stage_name: name of the stage.
        :param description: what is deployed; :meth:`deployed_description` finds it again.
        """
        deployment_id = self.client.create_deployment(restApiId=rest_api_id, description=description)["id"]
        stages = self.client.get_stages(restApiId=rest_api_id)["item"]
        if any(stage["stageName"] == stage_name for stage in stages):
            self.client.update_stage(
                restApiId=rest_api_id,
                stageName=stage_name,
                patchOperations=[{"op": "replace", "path": "/deploymentId", "value": deployment_id}],
            )
        else:
            self.client.create_stage(restApiId=rest_api_id, stageName=stage_name, deploymentId=deployment_id)
        return deployment_id

    def ensure_tags(self, rest_api_id: str, tags: Mapping[str, str], stage_name: str | None = None) -> bool:
        """
        Set tags of an API, or of a stage of it; others that it has stay.

        :param rest_api_id: id of the API.
        :param tags: value by tag.
        :param stage_name: name of the stage.
        """
        different = self.different_tags(rest_api_id, tags, stage_name)
        if different:
            self.client.tag_resource(resourceArn=self._arn(rest_api_id, stage_name), tags=different)
        return bool(different)

    def different_tags(
        self, rest_api_id: str, tags: Mapping[str, str], stage_name: str | None = None
    ) -> dict[str, str]:
        """
        Return those of ``tags`` that an API, or a stage of it, does not have, with their values.

        :param rest_api_id: id of the API.
        :param tags: value by tag.
        :param stage_name: name of the stage; one that is not there has none.
        """
        if not tags:
            return {}
        try:
            known = self.client.get_tags(resourceArn=self._arn(rest_api_id, stage_name))["tags"]
        except self.client.exceptions.NotFoundException:
            known = {}
        return aws_tags.different(tags, known)

    def _arn(self, rest_api_id: str, stage_name: str | None) -> str:
        api = f"arn:{self.conn_partition}:apigateway:{self.conn_region_name}::/restapis/{rest_api_id}"
        return f"{api}/stages/{stage_name}" if stage_name else api

    def find_api_keys(self, name: str) -> list[ApiKeyTypeDef]:
        """
        Return the API keys called ``name`` with their values.

        :param name: name of the keys.
        """
        pages = self.client.get_paginator("get_api_keys").paginate(nameQuery=name, includeValues=True)
        return [key for page in pages for key in page["items"] if key["name"] == name]

    def ensure_api_key(self, name: str, value: str) -> tuple[str, bool]:
        """
        Return the id of the enabled API key with this name and value, made where missing, and whether it was changed.

        Keys of the same name with another value stay until :meth:`delete_other_api_keys`, so that callers are served
        while a key is replaced.

        :param name: name of the key.
        :param value: its value, 20 to 128 characters.
        """
        for key in self.find_api_keys(name):
            if not hmac.compare_digest(key["value"].encode(), value.encode()):
                continue
            if key["enabled"]:
                return key["id"], False
            enable: list[PatchOperationTypeDef] = [{"op": "replace", "path": "/enabled", "value": "true"}]
            self.client.update_api_key(apiKey=key["id"], patchOperations=enable)
            self.log.info("API key %s (%s) is enabled again", name, key["id"])
            return key["id"], True
        made = self.client.create_api_key(name=name, value=value, enabled=True)
        self.log.info("API key %s (%s) is created", name, made["id"])
        return made["id"], True

    def planned_api_key(self, name: str, value: str) -> list[str]:
        """
        Return what :meth:`ensure_api_key`, :meth:`ensure_usage_plan_key` and :meth:`delete_other_api_keys` would do.

        :param name: name of the key and of its usage plan.
        :param value: its value, which is not told.
        """
        keys = self.find_api_keys(name)
        right = [key for key in keys if hmac.compare_digest(key["value"].encode(), value.encode())]
        planned = [] if right else [f"create API key {name}"]
        if right and not right[0]["enabled"]:
            planned.append(f"change API key {name}: enable it again")
        planned += [
            f"change API key {name}: delete {key['id']}, it is replaced" for key in keys if key not in right[:1]
        ]
        plans = self.find_usage_plans(name)
        if right and plans and not self._is_in_plan(plans[0]["id"], right[0]["id"]):
            planned.append(f"change usage plan {name}: add API key {right[0]['id']}")
        return planned

    def delete_other_api_keys(self, name: str, kept: str) -> bool:
        """
        Delete the API keys called ``name`` but one, and return whether there were any.

        :param name: name of the keys.
        :param kept: id of the key that stays.
        """
        others = [key["id"] for key in self.find_api_keys(name) if key["id"] != kept]
        for key_id in others:
            self.client.delete_api_key(apiKey=key_id)
            self.log.info("API key %s (%s) had another value: it is deleted, %s replaces it", name, key_id, kept)
        return bool(others)

    def ensure_usage_plan(
        self, name: str, rest_api_id: str, stage_name: str, rate_limit: float, burst_limit: int
    ) -> tuple[str, bool]:
        """
        Return the id of the usage plan of this name that covers a stage, and whether it was created or changed.

        :param name: name of the plan.
        :param rest_api_id: id of the API.
        :param stage_name: name of the stage.
        :param rate_limit: steady requests per second of each key.
        :param burst_limit: requests at once of each key.
        :raises ValueError: when several plans share the name.
        """
        plans = self._only_usage_plan(name)
        if not plans:
            made = self.client.create_usage_plan(
                name=name,
                apiStages=[{"apiId": rest_api_id, "stage": stage_name}],
                throttle={"rateLimit": rate_limit, "burstLimit": burst_limit},
            )
            self.log.info("Usage plan %s (%s) is created", name, made["id"])
            return made["id"], True
        patches = _usage_plan_patches(plans[0], f"{rest_api_id}:{stage_name}", rate_limit, burst_limit)
        if patches:
            self.client.update_usage_plan(usagePlanId=plans[0]["id"], patchOperations=patches)
            paths = ", ".join(patch["path"] for patch in patches)
            self.log.info("Usage plan %s (%s) is changed: %s", name, plans[0]["id"], paths)
        return plans[0]["id"], bool(patches)

    def planned_usage_plan(
        self, name: str, rest_api_id: str, stage_name: str, rate_limit: float, burst_limit: int
    ) -> list[str]:
        """
        Return what :meth:`ensure_usage_plan` would do, which has the parameters.

        :raises ValueError: when several plans share the name.
        """
        plans = self._only_usage_plan(name)
        if not plans:
            return [f"create usage plan {name}"]
        patches = _usage_plan_patches(plans[0], f"{rest_api_id}:{stage_name}", rate_limit, burst_limit)
        return [f"change usage plan {name}: {patch['path']}" for patch in patches]

    def _only_usage_plan(self, name: str) -> list[UsagePlanTypeDef]:
        plans = self.find_usage_plans(name)
        if len(plans) > 1:
            ids = ", ".join(plan["id"] for plan in plans)
            raise ValueError(f"{len(plans)} usage plans are called {name!r}: {ids}; delete or rename all but one")
        return plans

    def find_usage_plans(self, name: str) -> list[UsagePlanTypeDef]:
        """
        Return the usage plans called ``name``.

        :param name: name of the plans.
        """
        pages = self.client.get_paginator("get_usage_plans").paginate()
        return [plan for page in pages for plan in page["items"] if plan["name"] == name]

    def delete_usage_plans(self, name: str) -> list[str]:
        """
        Delete the usage plans called ``name`` and return their ids.

        API Gateway deletes a plan, and an API, only when no stage is in the plan any more.

        :param name: name of the plans.
        """
        deleted = []
        for plan in self.find_usage_plans(name):
            stages: list[PatchOperationTypeDef] = [
                {"op": "remove", "path": "/apiStages", "value": f"{stage['apiId']}:{stage['stage']}"}
                for stage in plan.get("apiStages") or []
            ]
            if stages:
                self.client.update_usage_plan(usagePlanId=plan["id"], patchOperations=stages)
            self.client.delete_usage_plan(usagePlanId=plan["id"])
            self.log.info("Usage plan %s (%s) is deleted", name, plan["id"])
            deleted.append(plan["id"])
        return deleted

    def delete_api_keys(self, name: str) -> list[str]:
        """
        Delete the API keys called ``name`` and return their ids.

        :param name: name of the keys.
        """
        ids = [key["id"] for key in self.find_api_keys(name)]
        for key_id in ids:
            self.client.delete_api_key(apiKey=key_id)
            self.log.info("API key %s (%s) is deleted", name, key_id)
        return ids

    def delete_rest_api(self, name: str) -> str | None:
        """
        Delete the REST API called ``name`` with its stages and return its id, None when there is none.

        :param name: name of the API.
        :raises ValueError: when several APIs share the name.
        """
        rest_api_id = self.find_rest_api(name)
        if rest_api_id is not None:
            self.client.delete_rest_api(restApiId=rest_api_id)
            self.log.info("REST API %s (%s) is deleted", name, rest_api_id)
        return rest_api_id

    def ensure_usage_plan_key(self, usage_plan_id: str, key_id: str) -> bool:
        """
        Put an API key into a usage plan.

        :param usage_plan_id: id of the plan.
        :param key_id: id of the key.
        """
        if self._is_in_plan(usage_plan_id, key_id):
            return False
        self.client.create_usage_plan_key(usagePlanId=usage_plan_id, keyId=key_id, keyType="API_KEY")
        self.log.info("API key %s is in usage plan %s", key_id, usage_plan_id)
        return True

    def _is_in_plan(self, usage_plan_id: str, key_id: str) -> bool:
        pages = self.client.get_paginator("get_usage_plan_keys").paginate(usagePlanId=usage_plan_id)
        return any(key["id"] == key_id for page in pages for key in page["items"])


def _usage_plan_patches(
    plan: UsagePlanTypeDef, stage: str, rate_limit: float, burst_limit: int
) -> list[PatchOperationTypeDef]:
    throttle = plan.get("throttle") or {}
    stages = {f"{known['apiId']}:{known['stage']}" for known in plan.get("apiStages") or []}
    patches: list[PatchOperationTypeDef] = []
    if throttle.get("rateLimit") != rate_limit:
        patches.append({"op": "replace", "path": "/throttle/rateLimit", "value": str(rate_limit)})
    if throttle.get("burstLimit") != burst_limit:
        patches.append({"op": "replace", "path": "/throttle/burstLimit", "value": str(burst_limit)})
    if stage not in stages:
        patches.append({"op": "add", "path": "/apiStages", "value": stage})
    return patches
