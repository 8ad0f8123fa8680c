"""Compares policy documents by what they mean, and merges statements of ours into documents of others."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
_LISTS = ("NotAction", "NotResource", "Resource")


def same_policy(one: Mapping[str, Any] | str | None, other: Mapping[str, Any] | str | None) -> bool:
    """Return whether two documents allow and deny the same.

    Neither the order of statements and values counts, nor whether a single value is a list, nor ``Sid``, nor how
    actions and condition keys are capitalised, nor whether an account is named by its id or its root's ARN.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html

    :param one: a document or its JSON; ``None``: there is none.
    """
    return bool(_meaning(one) == _meaning(other))


def with_statement(document: Mapping[str, Any] | None, statement: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document with a statement in it, in place of any that has the same ``Sid``; the others stay.

    :param document: ``None``: there is none yet.
    """
    known = dict(document or {"Version": "2012-10-17"})
    others = [each for each in _list(known.get("Statement", [])) if each.get("Sid") != statement["Sid"]]
    return {**known, "Statement": [*others, dict(statement)]}


def holds_statement(document: Mapping[str, Any] | None, statement: Mapping[str, Any]) -> bool:
    """Return whether a document holds a statement that means the same, whatever its ``Sid``."""
    wanted = _statement(statement)
    return any(_statement(each) == wanted for each in _list((document or {}).get("Statement", [])))


def _meaning(document: Mapping[str, Any] | str | None) -> Any:
    if document is None:
        return None
    known = json.loads(document) if isinstance(document, str) else document
    # A document without a version is of an older one, in which variables are plain text.
    return known.get("Version", "2008-10-17"), sorted({_statement(each) for each in _list(known.get("Statement", []))})


def _statement(statement: Mapping[str, Any]) -> str:
    """Return a statement as text, the same for all that mean the same."""
    plain: dict[str, Any] = {"Effect": statement.get("Effect")}
    if "Action" in statement:
        plain["Action"] = _values(statement["Action"], str.lower)
    for name in _LISTS:
        if name in statement:
            plain[name] = _values(statement[name], str.lower if name == "NotAction" else str)
    for name in ("Principal", "NotPrincipal"):
        if name in statement:
            plain[name] = _principal(statement[name])
    if conditions := statement.get("Condition"):
        plain["Condition"] = {
            operator: {key.lower(): _values(value, _condition_value) for key, value in keys.items()}
            for operator, keys in conditions.items()
        }
    return json.dumps(plain, sort_keys=True)


def _principal(principal: Any) -> Any:
    if isinstance(principal, str):  # "*" is everybody, as {"AWS": "*"} is
        return {"AWS": [principal]}
    return {kind: _values(value, _account_or_arn) for kind, value in principal.items()}


def _account_or_arn(value: str) -> str:
    root = _ROOT.fullmatch(value)
    return root[1] if root else value


def _condition_value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(value: Any, plain: Any) -> list[str]:
    return sorted({plain(each) for each in _list(value)})


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
