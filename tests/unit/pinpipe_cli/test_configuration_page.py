import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from include.settings import Settings
from local import ports
from pinpipe_cli.configuration_page import PAGE

ROOT = Path(__file__).resolve().parents[3]
CODE = ("include", "plugins", "dags", "emulator", "spark_jobs", "local", "pinpipe_cli")
SCRIPTS = ("tests/run.sh", ".ci/run", "tests/world.py")
VARIABLE = re.compile(r"PINPIPE_[A-Z]+(?:_[A-Z]+)*")


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8")


def rows(page, heading):
    """Return the cells of the tables below a heading."""
    text = page.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_the_page_is_what_the_code_declares_whatever_the_caller_has_set():
    environment = {**os.environ, "PINPIPE_PORT_OFFSET": "777", "PINPIPE_BUCKET": "mine"}
    check = subprocess.run(
        [sys.executable, "-m", "pinpipe_cli.configuration_page", "--check"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (check.returncode, check.stderr) == (0, "")


def test_every_setting_has_its_variable_type_default_limits_and_meaning(page):
    told = {row[0]: row[1:] for row in rows(page, "Settings")}
    assert {f"`{name}`" for name in Settings.model_fields} <= set(told)
    assert all(all(cells) for cells in told.values())
    assert told["`late_window_days`"][:4] == ["`PINPIPE_LATE_WINDOW_DAYS`", "integer", "`3`", "at least 0, at most 30"]
    assert told["`emulate_batch_schedule`"][1:3] == ["string", "not set"]


def test_every_connection_is_there_without_its_secret(page):
    told = {row[0]: row[3] for row in rows(page, "Connections")}
    ids = [field.default for name, field in Settings.model_fields.items() if name.endswith("_conn_id")]
    assert {f"`{name}`" for name in ids} <= set(told)
    assert all('"password": "<secret>"' in shape for shape in told.values() if "password" in shape)


def test_every_port_is_there_without_an_offset(page, monkeypatch):
    monkeypatch.delenv("PINPIPE_PORT_OFFSET", raising=False)
    told = {row[0]: row[1] for row in rows(page, "Ports of the local world")[2:]}
    assert told == {service: str(ports.port(service)) for service in ports.services()}


def test_every_variable_that_the_code_reads_is_on_the_page(page):
    files = [file for folder in CODE for file in (ROOT / folder).rglob("*.py")]
    texts = [
        node.value
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    read = {text for text in texts if VARIABLE.fullmatch(text)}
    read |= {name for script in SCRIPTS for name in VARIABLE.findall((ROOT / script).read_text())}
    assert {"PINPIPE_HOME", "PINPIPE_PORT_OFFSET", "PINPIPE_REAL_POSTS"} <= read
    assert not sorted(name for name in read if f"`{name}`" not in page and f"`{name.lower()}`" not in page)
