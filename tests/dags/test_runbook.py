"""The runbook has a section for each alert, and names nothing that is not there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag

from include.alerts import AlertId, runbook_section
from local import world
from pinpipe_cli import configuration_page
from tests.documented_commands import USAGE_ERROR, code, commands, parse

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "runbook.md", ROOT / "docs" / "how-to" / "alerts.md"]
RUNBOOK = PAGES[0].read_text(encoding="utf-8")
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
PARTS = ("Means", "First look", "Way out", "Never lost")


def sections() -> dict[str, str]:
    parts = re.split(r"^### (.+)$", RUNBOOK, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


@pytest.fixture(scope="module")
def dags() -> dict[str, object]:
    return dict(DagBag(ROOT / "dags", bundle_path=ROOT / "dags", bundle_name="runbook").dags)


def test_each_alert_has_a_section_and_each_section_is_of_an_alert() -> None:
    assert sorted(sections()) == sorted(AlertId)


def test_every_section_says_what_it_means_where_to_look_how_to_get_out_and_what_is_never_lost() -> None:
    for name, text in sections().items():
        assert tuple(re.findall(r"^\*\*([A-Z][a-z ]+)\.\*\*", text, re.MULTILINE)) == PARTS, name


@pytest.mark.parametrize("alert_id", sorted(AlertId))
def test_every_alert_is_raised_somewhere(alert_id: AlertId) -> None:
    sources = [*(ROOT / "plugins").rglob("*.py"), *(ROOT / "pinpipe_cli").rglob("*.py")]
    assert any(f"AlertId.{alert_id.name}" in source.read_text(encoding="utf-8") for source in sources)


def test_the_link_in_an_alert_leads_to_its_section() -> None:
    file, _, anchor = runbook_section("docs/runbook.md", AlertId.SINK_BEHIND).partition("#")
    assert (ROOT / file) == PAGES[0]
    assert f"\n### {anchor}\n" in RUNBOOK


@pytest.mark.parametrize("arguments", commands(TEXT), ids=" ".join)
def test_every_command_is_one(arguments: list[str]) -> None:
    parse(arguments)


def test_a_command_that_is_none_would_be_found() -> None:
    for wrong in (["no-such"], ["run"], ["status", "--no-such"], ["run", "clean_batch", "--day", "tomorrow"]):
        with pytest.raises(USAGE_ERROR):
            parse(wrong)


def test_every_dag_that_is_run_is_there_with_the_params_that_are_given(dags: dict[str, object]) -> None:
    runs = [parse(arguments) for arguments in commands(TEXT) if arguments[0] == "run"]
    assert {run["dag_id"] for run in runs} >= {"provision", "clean_batch", "maintain"}
    for run in runs:
        assert run["dag_id"] in dags
        for name, value in json.loads(run["conf"]).items():
            dags[run["dag_id"]].params.get_param(name).resolve(value)


def test_every_log_that_is_shown_is_of_a_service() -> None:
    shown = {parse(arguments)["service"] for arguments in commands(TEXT) if arguments[0] == "logs"}
    assert {"connect", "postgres"} <= shown <= set(world.SERVICES)


def test_every_task_that_is_named_is_there(dags: dict[str, object]) -> None:
    named = {tuple(text.split(".")) for text in code(TEXT) if re.fullmatch(rf"({'|'.join(dags)})\.[a-z_]+", text)}
    assert ("clean_batch", "wait_for_sink") in named
    for dag_id, task_id in named:
        assert task_id in dags[dag_id].task_ids, f"{dag_id}.{task_id}"


def test_every_variable_and_setting_that_is_named_is_there() -> None:
    known = configuration_page.page()
    for variable in set(re.findall(r"PINPIPE_[A-Z_]+", TEXT)):
        assert f"`{variable}`" in known, variable


def test_every_link_within_the_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            file, _, anchor = target.partition("#")
            assert (page.parent / file).exists(), target
            assert not anchor or anchor in sections(), target


def test_every_metric_that_is_named_is_printed() -> None:
    source = (ROOT / "pinpipe_cli" / "prometheus_text.py").read_text(encoding="utf-8")
    named = set(re.findall(r"pinpipe_([a-z_]+)", " ".join(text for text in code(TEXT) if text.startswith("pinpipe_"))))
    assert len(named) > 10
    assert {name for name in named if f'"{name}"' not in source} == set()
