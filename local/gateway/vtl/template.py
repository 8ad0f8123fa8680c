"""A mapping template, parsed by ``airspeed-ext`` and given Java's meaning.

What a reference finds, what its methods do and how it is written is decided here; ``airspeed-ext`` brings the grammar
and the directives, with what its own tests saw on AWS: names may hold hyphens, a reference to nothing is written as
nothing, and counts as true in an ``#if``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import airspeed
from airspeed import operators as vtl

from local.gateway.vtl import values
from local.gateway.vtl.values import JavaList, JavaMap, UnsupportedTemplateError
from local.gateway.vtl.variables import Input, Util

_REFUSED = {
    vtl.MacroDefinition: "#macro",  # AWS writes it and its calls as text
    vtl.MacroCall: "a call of a macro",
    vtl.DefineDefinition: "#define",
    vtl.IncludeDirective: "#include",
    vtl.ParseDirective: "#parse",
    vtl.EvaluateDirective: "#evaluate",
    vtl.ReturnDirective: "#return",
    vtl.StopDirective: "#stop",
}
_UTIL = frozenset(name for name in vars(Util) if not name.startswith("_"))
_INPUT = frozenset(name for name in vars(Input) if not name.startswith("_"))
_CONTEXT = frozenset(["apiId", "httpMethod", "identity.sourceIp", "identity.userAgent", "requestId", "stage"])


class RenderError(Exception):
    """The template failed on this request or answer; the message says where and why."""


class Template:
    """A mapping template.

    :param text: the template.
    :raises UnsupportedTemplateError: when it is no template, or asks for what this stand-in does not execute.
    """

    def __init__(self, text: str) -> None:
        self._template = airspeed.Template(text)
        try:
            self._template.ensure_compiled()
        except airspeed.TemplateSyntaxError as error:
            raise UnsupportedTemplateError(f"the template cannot be read: {error}") from error
        for element in _elements(self._template.root_element):
            _check(element)
            _bind(element)

    def render(self, namespace: Mapping[str, Any]) -> str:
        """Return the text that the template makes of its variables.

        :raises RenderError: when it fails.
        :raises UnsupportedTemplateError: when it asks for what this stand-in does not execute.
        """
        try:
            return str(self._template.merge(namespace))
        except airspeed.TemplateExecutionError as error:
            if isinstance(error.__cause__, UnsupportedTemplateError):
                raise error.__cause__ from error
            raise RenderError(str(error)) from error


def _elements(root: Any) -> Iterator[Any]:
    """Return all elements of a parsed template."""
    waiting, seen = [root], {id(root)}
    while waiting:
        element = waiting.pop()
        yield element
        for found in _parts(vars(element).values()):
            if id(found) not in seen:
                seen.add(id(found))
                waiting.append(found)


def _parts(attributes: Iterable[Any]) -> Iterator[Any]:
    for attribute in attributes:
        # A parenthesised expression is kept as its bound method alone.
        owner = getattr(attribute, "__self__", attribute)
        if isinstance(owner, vtl._Element):
            yield owner
        elif isinstance(owner, list | tuple):
            yield from _parts(owner)
        elif isinstance(owner, dict):
            yield from _parts([*owner.keys(), *owner.values()])


def _check(element: Any) -> None:
    """Raise UnsupportedTemplateError for what would not have AWS' meaning here."""
    if type(element) in _REFUSED:
        raise UnsupportedTemplateError(f"{_REFUSED[type(element)]} is not offered: {_shown(element)}")
    if isinstance(element, vtl.FormalReference):
        if element.alternate is not None:
            raise UnsupportedTemplateError(f"a default is not offered: {_shown(element)}")
        if element.expression is not None:
            _check_reference(element)
    elif isinstance(element, vtl.NameOrCall):
        offered = values.METHOD_NAMES | _UTIL | _INPUT
        if element.parameters is not None and element.name not in offered:
            raise UnsupportedTemplateError(f"a method {element.name} is not offered: {', '.join(sorted(offered))} are")
    elif isinstance(element, vtl.Assignment):
        _check_assignment(element)


def _check_reference(reference: Any) -> None:
    root, *members = _path(reference.expression)
    offered = {"util": _UTIL, "input": _INPUT, "context": _CONTEXT}.get(root)
    name = ".".join(members) if root == "context" else "".join(members[:1])
    if offered is not None and name not in offered:
        raise UnsupportedTemplateError(f"${root}.{name} is not offered: {', '.join(sorted(offered))} are")


def _check_assignment(assignment: Any) -> None:
    terms = [str(getattr(term.term, "value", "")) for term in assignment.terms]
    of_response = terms == ["responseOverride", "status"] or (
        terms[:2] == ["responseOverride", "header"] and len(terms) == 3
    )
    if assignment.root_term in ("util", "input") or (assignment.root_term == "context" and not of_response):
        raise UnsupportedTemplateError(
            f"an assignment is not offered: {_shown(assignment)}; of the variables of AWS, "
            "$context.responseOverride.status and .header.<name> can be set"
        )


def _path(expression: Any) -> Iterator[str]:
    """Return the names of a reference, ``$a.b(1).c`` as a, b, c."""
    while isinstance(expression, vtl.VariableExpression):
        yield expression.part.name
        expression = expression.subexpression and expression.subexpression.expression


def _shown(element: Any) -> str:
    return " ".join(element.my_text().split())[:60]


def _bind(element: Any) -> None:
    """Give an element Java's meaning, in place of Python's."""
    if isinstance(element, vtl.NameOrCall):
        element.calculate = partial(_name_or_call, element)
    elif isinstance(element, vtl.SubExpression) and isinstance(element.expression, vtl.ArrayIndex):
        element.calculate = partial(_index, element)
    elif isinstance(element, vtl.FormalReference):
        element.evaluate_raw = partial(_write, element)
    elif isinstance(element, vtl.ArrayLiteral):
        element.calculate = partial(_made, JavaList, element.values)
    elif isinstance(element, vtl.DictionaryLiteral):
        element.calculate = partial(_made, JavaMap, partial(vtl.DictionaryLiteral.calculate, element))


def _made(kind: type, literal: Any, namespace: Any, loader: Any) -> Any:
    return kind(getattr(literal, "calculate", literal)(namespace, loader))


def _name_or_call(element: Any, current: Any, loader: Any, top: Any) -> Any:
    name = element.name
    if element.parameters is not None:
        arguments = element.parameters.calculate(top, loader)
        owned = isinstance(current, Util | Input)
        found = getattr(current, name)(*arguments) if owned else values.call(current, name, arguments)
    elif isinstance(current, Input):
        found = getattr(current, name)
    elif isinstance(current, dict):  # the variables, and airspeed's own $foreach
        found = _variable(current, name)
    else:
        found = values.member(current, name)
    return found if element.index is None else values.element(found, element.index.calculate(top, loader))


def _variable(namespace: Any, name: str) -> Any:
    try:
        return namespace[name]
    except KeyError:
        return None


def _index(element: Any, current: Any, loader: Any, top: Any) -> Any:
    found = values.element(current, element.expression.calculate(top, loader))
    return found if element.subexpression is None else element.subexpression.calculate(found, loader, top)


def _write(reference: Any, stream: Any, namespace: Any, loader: Any) -> None:
    if reference.expression is None:
        stream.write(reference.my_text())
        return
    value = reference.expression.calculate(namespace, loader)
    stream.write("" if value is None else values.java_text(value))
