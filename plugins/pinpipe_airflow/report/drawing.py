"""Draws specifications of charts as SVG that goes into a page as it is: no script, no style, nothing to load."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

_VEGA_LITE = "6.1"  # whichever later ones the library brings: a chart must not change with it
_ALONE = 420  # pixels wide, where no page says it
_TAG = re.compile(r'<svg [^>]*\bviewBox="([-0-9. ]+)"[^>]*>')


def drawn(specification: dict[str, Any], *, name: str, title: str, description: str) -> Markup:
    """Return a chart as an ``svg`` element, which takes its width from the page.

    :param specification: in Vega-Lite.
    :param name: what ids within the page begin with.
    :param title: what the picture is called, for those who cannot see it.
    :param description: what it shows, likewise.
    """
    # 80 MB of V8: in the process of the one task that draws, and only once it does.
    import vl_convert

    svg = vl_convert.vegalite_to_svg(specification, vl_version=_VEGA_LITE, allowed_base_urls=[])
    tag = _TAG.match(svg)
    if tag is None:
        raise ValueError(f"vl_convert has drawn {name} as {svg[:80]!r}…, which does not begin as an svg element does")
    opened = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" aria-labelledby="{0}-title {0}-description" '
        'viewBox="{1}"><title id="{0}-title">{2}</title><desc id="{0}-description">{3}</desc>'
    ).format(name, tag[1], title, description)
    return opened + Markup(svg[tag.end() :])  # nosec B704 # noqa: S704 - the library has escaped what is text in it


def alone(svg: Markup, colours: Markup) -> str:
    """Return a chart as a picture of its own, with the colours that the page has for it.

    :param svg: what :func:`drawn` has returned.
    :param colours: CSS that sets them.
    """
    opening, _, rest = svg.partition(">")
    return f'{opening} width="{_ALONE}"><style>{colours}svg {{ background: var(--page); }}</style>{rest}'
