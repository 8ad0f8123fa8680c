"""Judges the shell's variables: those that lead commands elsewhere, or mean nothing."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

from pinpipe_airflow.preflight.result import Finding, ok, warning, wrong

_PREFIX = "PINPIPE_"
_LOCAL = "local"
_ENDPOINT = "AWS_ENDPOINT_URL"
# The command line sets these itself for the local world.
_SET_BY_US = (_ENDPOINT, "AWS_ENDPOINT_URL_API_GATEWAY")
# The world's processes are started without them; what is started by hand in this shell is not.
_LEFT_OUT = (
    "AIRFLOW_HOME",
    "AIRFLOW__",
    "AIRFLOW_CONN_",
    "SPARK_HOME",
    "SPARK_CONF_DIR",
    "PYSPARK_",
    "HADOOP_CONF_DIR",
)
_OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


@dataclass(frozen=True)
class VariableFacts:
    """The variables, and what there is to hold them against.

    :param environ: all of them.
    :param known: names of ``PINPIPE_*`` variables that mean something.
    :param fault: what is wrong with the settings; empty where nothing.
    :param profiles: AWS profiles that are configured.
    :param checkout: the project's folder.
    """

    environ: Mapping[str, str]
    known: Set[str]
    fault: str
    profiles: Set[str]
    checkout: str


def variables(facts: VariableFacts) -> Iterator[Finding]:
    """See that no variable misleads; values are told of those alone that hold no secret."""
    rules: tuple[Callable[[VariableFacts], Iterator[Finding]], ...] = (
        _settings,
        _environment,
        _unknown,
        _endpoints,
        _profile,
        _left_out,
        _python,
    )
    found = [finding for rule in rules for finding in rule(facts)]
    yield from found or [ok("variables", "none that misleads")]


def _settings(facts: VariableFacts) -> Iterator[Finding]:
    if facts.fault:
        yield wrong("settings", facts.fault, "set it to what can be, or unset it", "no command works with it")


def _environment(facts: VariableFacts) -> Iterator[Finding]:
    name = facts.environ.get("PINPIPE_ENV") or _LOCAL
    if name != _LOCAL:
        yield warning(
            "PINPIPE_ENV",
            f"{name}",
            f"`unset PINPIPE_ENV` for this machine's world; `pinpipe preflight --env {name}` looks at that environment",
            "commands without --env mean that environment, and none of this world",
        )


def _unknown(facts: VariableFacts) -> Iterator[Finding]:
    for name in sorted(facts.environ):
        if name.startswith(_PREFIX) and name not in facts.known:
            near = difflib.get_close_matches(name, sorted(facts.known), n=1)
            meant = f"`{near[0]}` may be meant, else" if near else "docs/configuration.md has those that do;"
            yield warning(name, "no such variable means anything", f"{meant} `unset {name}`", "it has no effect")


def _endpoints(facts: VariableFacts) -> Iterator[Finding]:
    why = "commands about the local world would ask another AWS than its own"
    for name in sorted(facts.environ):
        if name.startswith(f"{_ENDPOINT}_") and name not in _SET_BY_US:
            yield wrong(name, f"{facts.environ[name]}", f"`unset {name}`", why)
    if facts.environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        name = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"
        yield wrong(name, "true", f"`unset {name}`", why)


def _profile(facts: VariableFacts) -> Iterator[Finding]:
    for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        profile = facts.environ.get(name)
        if profile and profile not in facts.profiles:
            yield wrong(
                name,
                f"there is no profile {profile!r} in ~/.aws",
                f"`unset {name}`, or `aws configure sso --profile {profile}`",
                "boto3 refuses to make any client with it, of the local world's AWS too",
            )


def _left_out(facts: VariableFacts) -> Iterator[Finding]:
    named = sorted(name for name in facts.environ if name.startswith(_LEFT_OUT))
    if named:
        yield warning(
            "variables of Airflow and Spark",
            ", ".join(named),
            f"`unset {' '.join(named)}`",
            "the world is started without them; `airflow`, Spark and pytest of this shell are led elsewhere",
        )


def _python(facts: VariableFacts) -> Iterator[Finding]:
    ours = (facts.checkout, f"{facts.checkout}/plugins")
    named = [
        name
        for name in _OF_PYTHON
        if any(part and part.rstrip("/") not in ours for part in facts.environ.get(name, "").split(":"))
    ]
    if named:
        yield warning(
            "variables of Python",
            ", ".join(f"{name}={facts.environ[name]}" for name in named),
            f"`unset {' '.join(named)}`",
            "this command may import other packages than the locked ones; the world is started without them",
        )
