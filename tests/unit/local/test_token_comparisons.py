"""Who guesses a token learns nothing from how long a server takes to say no."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SECRET = re.compile(r"token|password|secret|signature|credential|api_key|authorization")
# Tokens of pages and of repeated calls open nothing; the others are of the world itself and of no caller.
NO_SECRET = re.compile(r"page_token|idempotency_token|authorizationtype|airflow_environment")


def compared_secrets(source: str) -> list[str]:
    """Return the comparisons by ``==`` or ``!=`` in which something is called like a secret."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Compare)
        and any(isinstance(operator, ast.Eq | ast.NotEq) for operator in node.ops)
        and any(
            SECRET.search(ast.unparse(side).lower()) and not NO_SECRET.search(ast.unparse(side).lower())
            for side in (node.left, *node.comparators)
            if not isinstance(side, ast.Constant)
        )
    ]


def test_secrets_are_compared_in_constant_time() -> None:
    found = {str(file.relative_to(ROOT)): compared_secrets(file.read_text()) for file in (ROOT / "local").rglob("*.py")}
    assert {file: comparisons for file, comparisons in found.items() if comparisons} == {}


def test_a_plain_comparison_would_be_found() -> None:
    assert compared_secrets("if given == self._token: pass") == ["given == self._token"]
    assert compared_secrets("if hmac.compare_digest(given, self._token): pass") == []
