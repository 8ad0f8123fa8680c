"""How values are shown: numbers and differences as readers expect them, texts from outside so that they do no harm."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape

from pinpipe_airflow.report.differences import Unit

CHARACTERS_SHOWN = 300
NOTHING = "–"

# Control, format (bidirectional overrides, zero width), surrogate, private use, unassigned, line and paragraph
# separators: what is not seen, or changes how the text around it is read.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_NOT_PLAIN = re.compile(r"[^\x20-\x7e]")


def shown(value: Any, column: str = "") -> Markup:
    """Return a value of an answer: thousands are set apart, except in a year; NULL is :data:`NOTHING`."""
    if value is None:
        return Markup(NOTHING)  # nosec B704 # noqa: S704
    if isinstance(value, int | float) and not isinstance(value, bool) and not column.endswith("_year"):
        return Markup(number(value))  # nosec B704 # noqa: S704
    return visible(str(value))


def number(value: float) -> str:
    """Return a number with its thousands set apart; a median may end in a half."""
    return f"{value:,.1f}".removesuffix(".0") if isinstance(value, float) else f"{value:,}"


def visible(text: str) -> Markup:
    """Return a text from outside as HTML, in which characters that are not seen stand as their escapes."""
    return Markup("").join(
        Markup('<span class="hidden">{}</span>').format(piece) if hidden else escape(piece)
        for piece, hidden in _pieces(text)
    )


def breakable(name: str) -> Markup:
    """Return a column's name, which may be broken after its underscores where there is no room for it."""
    return visible(name).replace("_", Markup("_<wbr>"))


def attribute(text: str) -> str:
    """Return a text from outside as :func:`visible` does, but without tags, as an attribute's value may have none."""
    return "".join(piece for piece, _ in _pieces(text))


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in pieces, each with whether it is the escape of a character that is not seen."""
    start = 0
    for match in _NOT_PLAIN.finditer(text):
        if unicodedata.category(match.group()) in _HIDDEN:
            yield text[start : match.start()], False
            yield match.group().encode("unicode_escape").decode(), True
            start = match.end()
    yield text[start:], False


def excerpt(text: str | None, characters: int | None = None) -> Markup:
    """Return the beginning of a text from outside, and how long the whole is where that is more.

    :param characters: length of the whole, where ``text`` has been cut already.
    """
    if text is None:
        return Markup('<span class="note">nothing</span>')
    whole = max(characters or 0, len(text))
    beginning = text[:CHARACTERS_SHOWN]
    page = Markup("<code><bdi>{}</bdi></code>").format(visible(beginning))
    if whole > len(beginning):
        page += Markup(' <span class="note">cut: {:,} of {:,} characters</span>').format(len(beginning), whole)
    return page


def raw_line(text: str | None, characters: int | None = None) -> Markup:
    """Return the beginning of a quarantined line as :func:`excerpt` does.

    Cleaning keeps bytes that are not UTF-8 as ``base64:…``; a line whose own text begins so looks the same.
    """
    page = excerpt(text, characters)
    if text and text.startswith("base64:"):
        page += Markup(
            ' <span class="note">bytes that are not UTF-8, unless the line itself begins with base64:</span>'
        )
    return page


def measure(value: float | None, unit: Unit) -> str:
    """Return a measure: rows, or a share in percent."""
    if value is None:
        return NOTHING
    if unit is Unit.SHARE:
        return share(value)
    return f"{value:,.1f}".removesuffix(".0")


def change(newest: float | None, base: float | None, unit: Unit) -> str:
    """Return how ``newest`` differs from ``base``: rows and percent, or percentage points."""
    if newest is None or base is None:
        return NOTHING
    if unit is Unit.SHARE:
        return f"{_signed(100 * (newest - base), 2)} pp"
    rows = _signed(newest - base, 1).removesuffix(".0")
    if base:
        return f"{rows} ({_signed(100 * (newest - base) / base, 1)} %)"
    return f"{rows} (from none)" if newest else rows


def share(value: float | None) -> str:
    """Return a share in percent, to two decimals: a rare rule must not look like none."""
    if value is None:
        return NOTHING
    return "under 0.01 %" if 0 < value < 0.0001 else f"{100 * value:.2f} %"


def _signed(value: float, decimals: int) -> str:
    rounded = round(value, decimals)
    return f"±{0:.{decimals}f}" if not rounded else f"{rounded:+,.{decimals}f}".replace("-", "−")
