"""Documents that mean the same, and those that do not."""

from __future__ import annotations

import json

import pytest
from pinpipe_airflow.policy_documents import holds_statement, same_policy, with_statement

READ = {"Sid": "Read", "Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": ["a", "b"]}
ROOT = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "sts:AssumeRole"}


def document(*statements, version="2012-10-17"):
    return {"Version": version, "Statement": list(statements)}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (READ, {**READ, "Sid": "Other"}),
        (READ, {**READ, "Action": ["S3:ListBucket", "s3:getobject"]}),
        (READ, {**READ, "Resource": ["b", "a"]}),
        ({**READ, "Resource": "a"}, {**READ, "Resource": ["a"]}),
        (ROOT, {**ROOT, "Principal": {"AWS": ["111122223333"]}}),
        ({**ROOT, "Principal": "*"}, {**ROOT, "Principal": {"AWS": "*"}}),
        (
            {**READ, "Condition": {"Bool": {"aws:SecureTransport": False}}},
            {**READ, "Condition": {"Bool": {"aws:securetransport": ["false"]}}},
        ),
        ({**READ, "Condition": {}}, READ),
    ],
)
def test_documents_that_mean_the_same(one, other):
    assert same_policy(document(one), document(other))
    assert same_policy(document(one, ROOT), json.dumps(document(ROOT, other)))
    assert same_policy({"Version": "2012-10-17", "Statement": one}, document(other))


@pytest.mark.parametrize(
    "other",
    [
        {**READ, "Effect": "Deny"},
        {**READ, "Action": "s3:GetObject"},
        {**READ, "Resource": ["a", "B"]},
        {**READ, "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {**READ, "NotPrincipal": {"AWS": "x"}},
        {"Effect": "Allow", "NotAction": READ["Action"], "Resource": READ["Resource"]},
        {"Effect": "Allow", "Action": READ["Action"], "NotResource": READ["Resource"]},
    ],
)
def test_documents_that_do_not(other):
    assert not same_policy(document(READ), document(other))
    assert not same_policy(document(READ), document(READ, other))


def test_no_document_is_not_an_empty_one_nor_one_of_another_version():
    assert same_policy(None, None)
    assert not same_policy(None, document(READ))
    assert not same_policy(document(READ, version="2008-10-17"), document(READ))
    assert same_policy(document(READ, version="2008-10-17"), {"Statement": READ})


def test_conditions_of_one_statement_do_not_count_for_another():
    tls = {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    assert not same_policy(document({**READ, **tls}, ROOT), document(READ, {**ROOT, **tls}))


def test_a_statement_takes_the_place_of_the_one_that_has_its_sid():
    outdated = {**READ, "Action": "s3:*"}
    assert with_statement(document(outdated, ROOT), READ) == document(ROOT, READ)
    assert with_statement({"Version": "2008-10-17", "Statement": ROOT}, READ) == document(
        ROOT, READ, version="2008-10-17"
    )
    assert with_statement(None, READ) == document(READ)


def test_a_statement_is_found_by_what_it_means():
    assert holds_statement(document(ROOT, {**READ, "Sid": "X"}), READ)
    assert not holds_statement(document(ROOT), READ)
    assert not holds_statement(None, READ)
