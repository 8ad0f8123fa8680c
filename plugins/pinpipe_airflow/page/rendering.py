"""Renders the page: HTML that loads nothing from elsewhere; its policy lets in no script and style but its own."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from include.outcomes import OUTCOMES
from pinpipe_airflow.page.days import DayState
from pinpipe_airflow.page.stations import Health
from pinpipe_airflow.page.view import DayView, Overview
from pinpipe_airflow.report import display
from pinpipe_airflow.report.receipts import READ

PARTS = ("status", "diagram", "days", "quarantine")

_GLYPHS = {
    Health.OK: "✓",
    Health.IDLE: "–",
    Health.ATTENTION: "!",
    Health.PROBLEM: "✕",
    Health.UNKNOWN: "?",
    DayState.CLEAN: "✓",
    DayState.QUARANTINED: "◐",
    DayState.LATE: "↺",
    DayState.MISSING: "✕",
    DayState.BROKEN: "✕",
    DayState.OPEN: "…",
    DayState.EMPTY: "–",
    DayState.BEFORE: "",
    DayState.UNKNOWN: "?",
}


def render_overview(shown: Overview, **about: Any) -> str:
    """Return the page as HTML.

    :param about: what every template may use: ``pipeline_id``, ``env``, and ``root``, the way from the page to
        Airflow's own root.
    """
    return _render("page.html.j2", shown=shown, parts=render_parts(shown, **about), **about)


def render_parts(shown: Overview, **about: Any) -> dict[str, Markup]:
    """Return what of the page is exchanged while it is open, by the id of its element."""
    return {part: Markup(_render(f"{part}.html.j2", shown=shown, **about)) for part in PARTS}  # nosec B704 # noqa: S704 - escaped


def render_day(shown: DayView, **about: Any) -> str:
    """Return the page of a day as HTML; parameters as :func:`render_overview` takes them."""
    return _render("day.html.j2", shown=shown, **about)


def render_refusal(status: int, **about: Any) -> str:
    """Return what somebody sees who is not signed in, or may not see the page."""
    return _render("refusal.html.j2", status=status, **about)


@cache
def policy() -> str:
    """Return the content security policy of all pages."""
    return (
        f"default-src 'none'; style-src '{_hash('page.css')}'; script-src '{_hash('page.js')}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )


def _render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pinpipe_airflow.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for shown_by in (
        display.attribute,
        display.excerpt,
        display.raw_line,
        display.share,
        display.shown,
        display.visible,
    ):
        environment.filters[shown_by.__name__] = shown_by
    environment.filters.update(glyph=_GLYPHS.get, slug=_slug, ago=_ago, minute=_minute)
    environment.globals.update(
        style=_source(environment, "page.css"),
        script=_source(environment, "page.js"),
        counts=(READ, *OUTCOMES),
        states=[state for state in DayState if state not in (DayState.BEFORE, DayState.UNKNOWN)],
    )
    return environment


def _source(environment: Environment, name: str) -> Markup:
    return Markup(PackageLoader("pinpipe_airflow.page").get_source(environment, name)[0])  # nosec B704 # noqa: S704 - our own file


def _hash(name: str) -> str:
    text = str(_source(_environment(), name))
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _slug(word: str) -> str:
    return word.replace(" ", "-")


def _ago(moment: datetime, now: datetime) -> str:
    """Return how long ago a moment was, as short as a small card needs it."""
    seconds = (now - moment).total_seconds()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length * (2 if unit == "d" else 1):
            return f"{seconds // length:,.0f} {unit} ago"
    return "just now"


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
