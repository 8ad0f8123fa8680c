"""The contracts as JSON Schema documents: valid, complete, and of one mind with the rules."""

import json
import re
from datetime import UTC, datetime

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from emulator.generator import generate_posts
from emulator.payloads import records_of
from include.contracts import contract, openapi_schema
from include.rendering import render_yaml
from include.schema import DATASETS, Column, dataset, datasets
from include.settings import settings
from tests.e2e.oracle.cleaning import clean_row, parse
from tests.e2e.oracle.malformed import catalogue

POSTED_AT = datetime(2024, 2, 28, 12, 30, tzinfo=UTC)
CASES = [case for case in catalogue(POSTED_AT) if isinstance(case.value, dict)]

# What JSON Schema has no word for: a bound of a number that is written as text, a moment's bounds, a calendar.
BEYOND_JSON_SCHEMA = {
    "ind of geo above int": "ind",
    "ind of user negative text": "ind",
    "user with two broken columns": "date_joined",
    "followers above bigint": "follower_count",
    "age negative": "age",
    "longitude too low": "longitude",
    "timestamp of no such day": "timestamp",
    "timestamp of no such hour": "timestamp",
    "timestamp too early": "timestamp",
    "timestamp early by offset": "timestamp",
    "timestamp too late": "timestamp",
    "timestamp over 24 h after the log": "timestamp",
    "joined too early": "date_joined",
    "joined too late": "date_joined",
    "joined over 24 h after the log": "date_joined",
}


def columns_broken(data_set, value):
    """Return the columns that break the contract."""
    found = set()
    for error in Draft202012Validator(dict(dataset(data_set).contract)).iter_errors(value):
        found |= {error.path[0]} if error.path else set(re.findall(r"'(\w+)' is a required property", error.message))
    return found


def columns_of(rules):
    return {re.sub("_(missing|unparsable|out_of_range)$", "", rule) for rule in rules or ()}


@pytest.mark.parametrize("of", datasets(), ids=lambda of: of.name)
def test_a_contract_is_a_valid_document_of_its_version(of):
    Draft202012Validator.check_schema(dict(of.contract))
    assert of.contract["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert of.contract["$id"] == f"urn:pinpipe:contract:{of.name}:v{of.version}"
    assert of.contract["required"] == [column.name for column in of.columns if not column.optional]
    assert list(of.contract["properties"]) == [column.name for column in of.columns]
    assert all(declared["description"] for declared in of.contract["properties"].values())


def test_a_column_that_is_not_required_may_be_absent_empty_or_null():
    optional = Column("board", "text", "string", optional=True)
    assert optional.nullable
    assert [rule.name for rule in optional.rules] == ["board_unparsable"]


def test_there_is_no_contract_of_another_version():
    with pytest.raises(FileNotFoundError, match=r"pin\.v99\.json"):
        contract("pin", 99)


def test_contract_and_rules_say_the_same_of_generated_records():
    for post in generate_posts(1_000, seed=7):
        for name, record in records_of(post):
            _, rules = clean_row(name, parse(record.value), POSTED_AT)
            assert columns_broken(name, json.loads(record.value)) == columns_of(rules), (name, record.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_contract_and_rules_say_the_same_of_odd_and_broken_records(case):
    missed = {BEYOND_JSON_SCHEMA[case.name]} if case.name in BEYOND_JSON_SCHEMA else set()
    assert columns_broken(case.dataset, case.value) == columns_of(case.rules) - missed


@pytest.mark.parametrize("name", DATASETS)
def test_placeholders_and_known_values_are_allowed(name):
    of = dataset(name)
    good = next(case.value for case in CASES if case.dataset == name and case.rules is None)
    for column in of.columns:
        for text in (*column.null_when, *column.expected):
            assert columns_broken(name, {**good, column.name: text}) == set(), (column.name, text)


@pytest.mark.parametrize("name", DATASETS)
def test_a_field_that_the_contract_does_not_know_is_allowed(name):
    good = next(case.value for case in CASES if case.dataset == name and case.rules is None)
    assert columns_broken(name, {**good, "new": {"of": ["any", "kind"]}}) == set()


@pytest.mark.parametrize("of", datasets(), ids=lambda of: of.name)
def test_the_api_document_holds_the_contract_in_words_that_api_gateway_knows(of):
    document = render_yaml("api", "openapi.yaml", values=settings().marks)
    schema = document["components"]["schemas"][of.name.capitalize()]
    assert schema == openapi_schema(dict(of.contract))
    Draft4Validator.check_schema(schema)
    unknown = re.compile(r'"(x-[a-z-]+|\$[a-z]+|additionalProperties|anyOf|oneOf|exclusive\w+|nullable)":')
    assert unknown.findall(json.dumps(schema)) == []
    assert {type(column.get("type", "")) for column in schema["properties"].values()} == {str}


def test_the_api_document_tells_of_a_column_what_openapi_has_no_word_for():
    category = openapi_schema(dict(dataset("pin").contract))["properties"]["category"]
    assert category["description"].startswith("Category of the pin; an unknown one is kept and counted as a warning. ")
    assert category["description"].endswith("Type: string or number. Known: " + ", ".join(
        dataset("pin").column("category").expected) + ".")  # fmt: skip
