"""README.md and docs/: every link within the project leads somewhere, and every setting that is named exists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from include.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?\)")
HEADING = re.compile(r"^#{1,6} +(.*?) *#*$")
ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:")
EACH = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def prose(page: Path) -> list[str]:
    """Return the lines of a page that are no code."""
    lines, fence = [], ""
    for line in page.read_text().splitlines():
        mark = re.match(r" *(```+|~~~+)", line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        elif not fence:
            lines.append(line)
    return lines


@cache
def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: Counter[str] = Counter()
    made = set()
    for heading in (HEADING.match(line) for line in prose(page)):
        if heading:
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])
            anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            made.add(f"{anchor}-{found[anchor]}" if found[anchor] else anchor)
            found[anchor] += 1
    return made


def links(page: Path) -> Iterator[str]:
    text = re.sub(r"`[^`\n]*`", "code", "\n".join(prose(page)))
    yield from (target for target in LINK.findall(text) if not ELSEWHERE.match(target))


def broken(page: Path, target: str) -> bool:
    path, _, anchor = target.partition("#")
    file = (page.parent / path).resolve() if path else page
    return not file.exists() or bool(anchor and anchor not in anchors(file))


@EACH
def test_every_link_within_the_project_leads_somewhere(page: Path) -> None:
    assert [target for target in links(page) if broken(page, target)] == []


def test_a_broken_link_would_be_found() -> None:
    readme = ROOT / "README.md"
    assert broken(readme, "docs/aws.md#no-such-heading")
    assert broken(readme, "docs/none.md")
    assert not broken(readme, "docs/setup/dags.md#roll-back")


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        found = {(page.parent / target.partition("#")[0]).resolve() for target in links(page)}
        waiting += [file for file in found if file.suffix == ".md" and file.exists() and file not in reached]
    assert {str(page.relative_to(ROOT)) for page in PAGES if page not in reached} == set()


def named_settings(page: Path) -> Iterator[str]:
    """Yield what a page names as settings: in the first column of a table of them, or where a table chooses values."""
    columns: list[int] = []
    for line in prose(page):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            columns = []
        elif any(cell in ("setting", "values to choose (settings)") for cell in cells):
            columns = [at for at, cell in enumerate(cells) if "setting" in cell]
        else:
            of_settings = [cells[at].partition("connection")[0] for at in columns if at < len(cells)]
            yield from re.findall(r"`([a-z][a-z0-9_]+)`", " ".join(of_settings))


@EACH
def test_every_setting_that_a_table_names_exists(page: Path) -> None:
    assert set(named_settings(page)) - set(Settings.model_fields) == set()


def test_the_pages_about_aws_name_settings_in_tables() -> None:
    named = {page.stem: set(named_settings(page)) for page in (ROOT / "docs").rglob("*.md")}
    assert "msk_cluster" in named["kafka"]
    assert "databricks_catalog" in named["databricks"]
    assert "api_stage" in named["aws"]
