"""``include/bootstrap.yaml`` as CloudFormation would make it of given parameters: just as much of it as it needs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[3] / "include" / "bootstrap.yaml"
ACCOUNT, REGION = "111122223333", "eu-west-1"
_PSEUDO = {"AWS::AccountId": ACCOUNT, "AWS::Region": REGION, "AWS::Partition": "aws", "AWS::StackName": "stack"}
_NOTHING = object()
_GIVEN = {"EnvironmentName": "prod", "DataBucket": "example-data", "AlertEmail": "data@example.com"}


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, such as ``!Ref``."""


def _short_form(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


@cache
def template() -> dict[str, Any]:
    """Return the template as it is written."""
    return yaml.load(TEMPLATE.read_text(), _Loader)  # nosec B506 # a SafeLoader


class Stack:
    """What the template makes.

    :param parameters: others than the defaults.
    """

    def __init__(self, **parameters: Any) -> None:
        declared = template()["Parameters"]
        self.parameters = {name: one.get("Default") for name, one in declared.items()} | _GIVEN | parameters
        unknown = set(self.parameters) - set(declared)
        assert not unknown, f"the template has no parameters {unknown}"
        for name, value in self.parameters.items():
            assert re.fullmatch(declared[name].get("AllowedPattern", ".*"), str(value)), f"{name}={value!r}"
            assert value in declared[name].get("AllowedValues", [value]), f"{name}={value!r}"
        self.resources = self._made("Resources")
        self.outputs = self._made("Outputs")

    def of_type(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of a type, by their logical names."""
        return {name: one["Properties"] for name, one in self.resources.items() if one["Type"] == kind}

    def refused(self) -> list[str]:
        """Return what the template's rules say against the parameters."""
        return [
            each["AssertDescription"]
            for rule in template()["Rules"].values()
            if self.value(rule.get("RuleCondition", True))
            for each in rule["Assertions"]
            if not self.value(each["Assert"])
        ]

    def _made(self, section: str) -> dict[str, Any]:
        kept = {
            name: one
            for name, one in template()[section].items()
            if "Condition" not in one or self.holds(one["Condition"])
        }
        return {name: self.value({k: v for k, v in one.items() if k != "Condition"}) for name, one in kept.items()}

    def holds(self, condition: str) -> bool:
        """Return whether a condition of the template holds."""
        return bool(self.value(template()["Conditions"][condition]))

    def value(self, node: Any) -> Any:
        """Return what a part of the template stands for; of what AWS would choose, a readable stand-in."""
        if isinstance(node, list):
            return [each for each in map(self.value, node) if each is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, argument), *_ = node.items()
            if function in _FUNCTIONS:
                return _FUNCTIONS[function](self, argument)
        made = {key: self.value(each) for key, each in node.items()}
        return {key: each for key, each in made.items() if each is not _NOTHING}

    def ref(self, name: str) -> Any:
        """Return what a name refers to."""
        if name == "AWS::NoValue":
            return _NOTHING
        known = {**_PSEUDO, **self.parameters}
        assert name in known or name in template()["Resources"], f"nothing is called {name}"
        return known.get(name, f"ref-{name}")

    def attribute(self, name: str) -> str:
        """Return a stand-in for an attribute of a resource."""
        logical = name.split(".")[0]
        assert logical in template()["Resources"], f"no resource is called {logical}"
        return f"arn:aws:s3:::{logical.lower()}" if name == "AirflowBucket.Arn" else f"arn:aws:any::{ACCOUNT}:{name}"

    def _substituted(self, text: str) -> str:
        def one(found: re.Match[str]) -> str:
            name = found.group(1)
            return str(self.attribute(name) if "." in name else self.ref(name))

        return re.sub(r"\$\{([^}]+)\}", one, text)


_FUNCTIONS: dict[str, Any] = {
    "Ref": Stack.ref,
    "Condition": Stack.holds,
    "Fn::GetAtt": Stack.attribute,
    "Fn::Sub": Stack._substituted,
    "Fn::If": lambda stack, given: stack.value(given[1] if stack.holds(given[0]) else given[2]),
    "Fn::Equals": lambda stack, given: stack.value(given[0]) == stack.value(given[1]),
    "Fn::Not": lambda stack, given: not stack.value(given[0]),
    "Fn::And": lambda stack, given: all(map(stack.value, given)),
    "Fn::Or": lambda stack, given: any(map(stack.value, given)),
    "Fn::Join": lambda stack, given: given[0].join(map(str, stack.value(given[1]))),
    "Fn::Select": lambda stack, given: stack.value(given[1])[given[0]],
    "Fn::Cidr": lambda stack, given: [f"{stack.value(given[0])}#{part}" for part in range(given[1])],
    "Fn::GetAZs": lambda stack, given: ["zone-a", "zone-b"],
}
