"""The variables that API Gateway gives a template: ``$input``, ``$util``, ``$context``, ``$stageVariables``."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from local.gateway.vtl.json_parts import JsonPart
from local.gateway.vtl.values import JavaMap, from_json, java_text

# https://commons.apache.org/proper/commons-lang/apidocs/org/apache/commons/lang3/StringEscapeUtils.html
_ESCAPES = str.maketrans(
    {
        "\b": r"\b",
        "\n": r"\n",
        "\t": r"\t",
        "\f": r"\f",
        "\r": r"\r",
        '"': r"\"",
        "'": r"\'",
        "\\": r"\\",
        "/": r"\/",
    }
)


class Input:
    """``$input``: a body and the parameters of the request.

    :param body: of the request, or of the endpoint's answer.
    :param parameters: values by name, by ``path``, ``querystring`` and ``header`` (names in lower case).
    """

    def __init__(self, body: bytes, parameters: Mapping[str, Mapping[str, str]]) -> None:
        self._body = body or b"{}"
        self._root = JsonPart(self._body)
        self._parameters = parameters

    @property
    def body(self) -> str:
        """The body as text."""
        return self._body.decode("utf-8", "replace")

    def json(self, path: str) -> str:
        """Return the JSON at ``path``; an empty text, in quotes, where there is none."""
        part = self._root.find(path)
        return '""' if part is None else part.text.decode("utf-8", "replace").strip()

    def path(self, path: str) -> Any:
        """Return the value at ``path``: a text without quotes and escapes; an empty one where there is none."""
        part = self._root.find(path)
        return "" if part is None else from_json(part.text.decode("utf-8", "replace"))

    def params(self, name: str | None = None) -> Any:
        """Return a parameter, sought in path, query and headers; without ``name`` all of them."""
        if name is None:
            return JavaMap({place: JavaMap(dict(values)) for place, values in self._parameters.items()})
        for place, values in self._parameters.items():
            found = values.get(name.lower() if place == "header" else name)
            if found is not None:
                return found
        return ""


class Util:
    """``$util``. Half of a surrogate pair, which is no character, becomes ``?`` in bytes, as in Java."""

    def base64Encode(self, value: Any) -> str:  # noqa: N802 (AWS' names, here and below)
        """Return the Base64 of a text in UTF-8; of a map that is its Java text, not its JSON."""
        return base64.b64encode(java_text(value).encode("utf-8", "replace")).decode("ascii")

    def base64Decode(self, text: str) -> str:  # noqa: N802
        """Return the text that Base64 stands for."""
        return base64.b64decode(text).decode("utf-8", "replace")

    def escapeJavaScript(self, value: Any) -> str:  # noqa: N802
        """Return a text as it may stand in JavaScript: of quotes, ``'`` too is escaped, which JSON does not know."""
        return "".join(map(_plain, java_text(value).translate(_ESCAPES)))

    def parseJson(self, text: str) -> Any:  # noqa: N802
        """Return the value that the JSON ``text`` stands for."""
        return from_json(text)

    def urlEncode(self, text: str) -> str:  # noqa: N802
        """Return ``text`` as Java's ``URLEncoder`` writes it."""
        return quote_plus(text, safe="*", errors="replace").replace("~", "%7E")

    def urlDecode(self, text: str) -> str:  # noqa: N802
        """Return what an encoded ``text`` stands for."""
        return unquote_plus(text)


def _plain(character: str) -> str:
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04X}" for at in range(0, len(units), 2))


class ResponseOverride:
    """What a template of an answer set in ``$context.responseOverride``.

    :param context: the namespace's ``$context``, after the template ran.
    """

    def __init__(self, context: JavaMap) -> None:
        override: JavaMap = context["responseOverride"]
        status = override["status"]
        # "AWS ignores the status if it is no integer between 100 and 599": what LocalStack's tests saw there.
        self.status = status if isinstance(status, int) and 100 <= status < 600 else None
        self.headers = {name: java_text(value) for name, value in override["header"].entries.items()}


def namespace(body: bytes, parameters: Mapping[str, Mapping[str, str]], **variables: Any) -> dict[str, Any]:
    """Return the variables of a template.

    :param body: of the request, or of the endpoint's answer.
    :param parameters: see :class:`Input`.
    :param variables: ``context`` and ``stageVariables``.
    """
    return {"input": Input(body, parameters), "util": Util(), **variables}
