from pathlib import Path

import pytest

from local.home import ROOT
from pinpipe_cli import code_pages, commands_page, tables_page
from pinpipe_cli.generated_page import write_or_check


@pytest.mark.parametrize("page", [code_pages, commands_page, tables_page])
def test_a_generated_page_is_what_the_code_says(page):
    assert page.main(["--check"]) == 0


def test_a_page_is_written_and_then_is_as_it_should_be(tmp_path: Path):
    page = tmp_path / "folder" / "page.md"
    assert write_or_check(page, "text\n", [], said_by="x says") == 0
    assert page.read_text() == "text\n"
    assert write_or_check(page, "text\n", ["--check"], said_by="x says") == 0


@pytest.mark.parametrize("name", ["data.md", "none.md"])
def test_a_page_that_is_behind_or_missing_is_told_and_left_alone(name, capsys):
    page = ROOT / "docs" / name
    before = page.read_bytes() if page.exists() else None
    assert write_or_check(page, "text\n", ["--check"], said_by="x says") == 1
    assert capsys.readouterr().err == f"docs/{name} is not what x says: run `make docs` and commit it\n"
    assert (page.read_bytes() if page.exists() else None) == before


def test_every_module_of_the_plugin_has_its_place():
    for kind in code_pages.KINDS:
        text = code_pages.page(kind)
        modules = {file.stem for file in (ROOT / "plugins" / "pinpipe_airflow" / kind).glob("*.py")} - {"__init__"}
        assert modules
        assert all(f"\n::: pinpipe_airflow.{kind}.{module}\n" in text for module in modules)


def test_every_command_has_its_section_with_options_defaults_and_limits():
    text = commands_page.page()
    sections = dict(part.split("\n", 1) for part in text.split("\n## ")[1:])
    assert {"pinpipe run", "pinpipe backfill cancel", "pinpipe source load", "pinpipe stream stop"} <= set(sections)
    assert "| `--lines` | `200` | How many of the last lines. At least 1. |" in sections["pinpipe logs"]
    assert "| `--pin` | required |" in sections["pinpipe source load"]
    assert "One of `serving`, `batch`, `speed`, `answers`." in sections["pinpipe table"]


def test_what_stands_between_angle_brackets_in_a_help_text_is_no_tag():
    assert "include/environments/&lt;env>.yaml" in commands_page.page()


def test_every_column_of_every_table_has_its_type():
    text = tables_page.page()
    assert "| `coordinates` | `array<double>` | from `latitude`, `longitude` |" in text
    assert "| `rules` | `array<string>` |" in text
    assert "| `sequence_number` | `string` |" in text
    assert "| `answers.q2top` | Most popular category per year |" in text
