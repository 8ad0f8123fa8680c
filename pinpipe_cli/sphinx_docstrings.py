"""An extension of Griffe, which reads docstrings for the site: what is written for Sphinx is shown as Markdown.

The docstrings are those of Airflow's providers in form: roles such as ``:class:``, and, of an operator, what its task
returns, told where its arguments are.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any

from griffe import Class, Extension, Object, Parser

_ROLE = re.compile(r":(?:class|data|func|meth|mod|attr|exc):`~?([^`]+)`")
_LINK = re.compile(r"`([^`<]+?) *<(https?://[^>]+)>`__?", re.DOTALL)
_SEE_ALSO = re.compile(r"^\.\. seealso::\n((?:[ \t]+.*\n?|\n)+)", re.MULTILINE)
_RETURN = re.compile(r"^:return: *(.*(?:\n[ \t]+.*)*)\n?", re.MULTILINE)


class SphinxDocstrings(Extension):
    """Makes roles code, and of a class's ``:return:`` a paragraph of its own."""

    def on_instance(self, *, obj: Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.parser = Parser.sphinx
            # Without its warnings: a base class's arguments, which go through **kwargs, are documented too.
            obj.docstring.parser_options = {"warnings": False}
            obj.docstring.value = shown(obj.docstring.value, of_class=isinstance(obj, Class))


def shown(text: str, *, of_class: bool) -> str:
    """Return a docstring as it is to be read for the site.

    :param text: the docstring.
    :param of_class: whether it is of a class, which itself returns nothing.
    """
    text = _SEE_ALSO.sub(lambda match: f"See also:\n\n{textwrap.dedent(match[1]).strip()}\n\n", text)
    text = _LINK.sub(r"[\1](\2)", _ROLE.sub(r"`\1`", text))
    if of_class and (told := _RETURN.search(text)):
        paragraph = f"**Returns** {' '.join(told[1].split())}\n\n"
        text = _RETURN.sub("", text)
        fields = re.search(r"^:(param|raises?)\b", text, re.MULTILINE)
        at = fields.start() if fields else len(text)
        text = f"{text[:at].rstrip()}\n\n{paragraph}{text[at:]}"
    return text
