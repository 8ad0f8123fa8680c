"""How the REST API's document says by which way requests reach the REST proxy."""

from __future__ import annotations

import json

import httpx
import pytest

from include.rendering import render_yaml
from include.rest_proxy_settings import api_connection
from include.settings import Settings
from local.gateway.integrations.call import UnsupportedIntegrationError
from local.gateway.integrations.http_proxy import HttpProxy
from local.gateway.openapi import parse


def integrations(**marks):
    document = render_yaml("api", "openapi.yaml", values={**Settings().marks, **marks})
    return {
        (method.http_method, method.path): method.integration
        for method in parse(json.dumps(document).encode()).methods
        if method.integration["type"] == "HTTP_PROXY"
    }


def test_on_a_laptop_there_is_no_connection_id_and_the_gateway_executes_the_document():
    found = integrations()
    assert set(found) == {("GET", "/topics"), ("POST", "/topics/{topic}")}
    for integration in found.values():
        assert integration["connectionType"] == "INTERNET"
        assert "connectionId" not in integration
        HttpProxy(integration, httpx.AsyncClient())


@pytest.mark.parametrize("link", ["ab12cd", "1234567", "12e456"])
def test_on_aws_both_routes_go_through_the_vpc_link(link):
    found = integrations(kafka_rest_url="http://nlb.example:8082", api_connection=api_connection(link))
    for integration in found.values():
        assert (integration["connectionType"], integration["connectionId"]) == ("VPC_LINK", link)
        assert integration["uri"].startswith("http://nlb.example:8082/topics")
        assert integration["timeoutInMillis"] == 29_000


def test_a_link_of_ones_own_is_a_setting():
    marks = Settings(api_vpc_link="ab12cd", kafka_rest_url="https://proxy.example").marks
    assert all(each["connectionId"] == "ab12cd" for each in integrations(**marks).values())


def test_the_local_gateway_says_that_it_has_no_vpc():
    integration = integrations(api_connection=api_connection("ab12cd"))[("GET", "/topics")]
    with pytest.raises(UnsupportedIntegrationError, match="connectionType VPC_LINK is not offered"):
        HttpProxy(integration, httpx.AsyncClient())
