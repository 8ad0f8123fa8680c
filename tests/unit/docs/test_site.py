"""The documentation site: built strictly, so that each link leads somewhere, and complete without a network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).resolve().parents[3]
FETCHED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}


def build(configuration: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", configuration, "-d", site],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = build(ROOT / "mkdocs.yml", folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, BeautifulSoup]:
    return {
        str(page.relative_to(site)): BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
        for page in site.rglob("*.html")
    }


def test_every_page_of_the_docs_is_on_the_site(pages: dict[str, BeautifulSoup]) -> None:
    written = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert {str(page) for page in written} == set(pages) - {"404.html"}


def test_nothing_is_fetched_from_elsewhere(pages: dict[str, BeautifulSoup]) -> None:
    fetched = [
        (name, tag.get(FETCHED[tag.name])) for name, page in pages.items() for tag in page.find_all(list(FETCHED))
    ]
    fetched += [
        (name, link.get("href"))
        for name, page in pages.items()
        for link in page.find_all("link")
        if link.get("rel") != ["canonical"]
    ]
    assert len(fetched) > len(pages)
    assert [(name, target) for name, target in fetched if re.match(r"(https?:)?//", str(target))] == []


def test_no_link_that_stays_on_the_site_is_broken(site: Path, pages: dict[str, BeautifulSoup]) -> None:
    anchors = {
        name: {str(tag["id"]) for tag in page.find_all(id=True)} | {str(tag["name"]) for tag in page.select("a[name]")}
        for name, page in pages.items()
    }
    broken = []
    for name, page in pages.items():
        if name == "404.html":  # shown in place of any page, so it leads from the root
            continue
        for link in page.select("a[href]"):
            path, _, anchor = str(link["href"]).partition("#")
            if re.match(r"[a-z][a-z0-9+.-]*:", path):
                continue
            file = os.path.normpath(Path(name).parent / path) if path else name
            if not (site / file).is_file() or (anchor and file in anchors and anchor not in {*anchors[file], "__top"}):
                broken.append((name, str(link["href"])))
    assert broken == []


def test_operators_are_told_with_their_arguments(pages: dict[str, BeautifulSoup]) -> None:
    heading = pages["reference/operators.html"].find(id="pinpipe_airflow.operators.kafka_topic.KafkaTopicOperator")
    assert isinstance(heading, Tag)
    text = " ".join(heading.find_parent("div", class_="doc-class").get_text(" ").split())  # type: ignore[union-attr]
    assert "partitions of each topic; it can only grow" in text
    assert "Returns a receipt" in text


def test_a_link_into_the_void_would_fail_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "mkdocs.yml").write_text(
        f"site_name: x\nhooks: [{ROOT}/pinpipe_cli/source_links.py]\nvalidation: {{links: {{anchors: warn}}}}\n"
    )
    for target in ("none.md", "#none", "../none/at/all.py"):
        (tmp_path / "docs" / "index.md").write_text(f"# x\n\n[link]({target})\n")
        built = build(tmp_path / "mkdocs.yml", tmp_path / "site")
        assert built.returncode != 0, target
        assert target.removeprefix("#") in built.stderr
