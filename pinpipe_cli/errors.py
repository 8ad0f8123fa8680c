"""The one place that turns what went wrong into a few words, a way out and an exit code.

The exit codes are told to people in ``docs/how-to/command-line.md``.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import IntEnum

from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from pinpipe_cli.output import console, visible

DEBUG = "PINPIPE_DEBUG"


class Exit(IntEnum):
    """What a command ends with."""

    DONE = 0
    FAILED = 1  # it was done, or refused, and is not well
    WRONG_CALL = 2  # Click's own code, too
    UNREACHABLE = 3
    REFUSED = 4  # credentials or permissions
    UNEXPECTED = 70  # EX_SOFTWARE of sysexits.h
    INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """What went wrong, for people and scripts.

    :param title: in three words.
    :param message: what happened; may have several lines.
    :param way_out: what to do about it; empty where the message says it.
    :param exit_code: one of :class:`Exit`.
    """

    title: str
    message: str
    way_out: str
    exit_code: Exit


_START = "`pinpipe up` starts the world; `pinpipe doctor` says what keeps it from starting"
_SIGN_IN = "sign in to AWS again (AWS_PROFILE, `aws sso login`); `aws sts get-caller-identity` says who you are"
_LOG_IN = (
    "the state folder is another one than the world was started with: check PINPIPE_HOME, or start it again "
    "(`pinpipe down`, `pinpipe up`)"
)
_TRACEBACK = "the whole traceback: `pinpipe --debug …`; what is wrong with this machine: `pinpipe doctor`"

_SOURCE = ("emulator.database", "SourceError")
# By module and class, so that nothing is imported to say that something failed: what was raised has been imported.
_OURS = {
    ("include.environment", "SettingsError"): ("wrong setting", Exit.WRONG_CALL),
    ("local.world", "NoWorldError"): ("no world", Exit.UNREACHABLE),
    ("local.world", "WorldError"): ("the local world", Exit.FAILED),
    _SOURCE: ("source database", Exit.FAILED),
    ("pinpipe_cli.runs", "RunFailed"): ("run failed", Exit.FAILED),
}
_DEPLOYMENT = ("pinpipe_cli.deploy.errors", "DeploymentError")  # it is raised from what AWS says, too
_UNREACHABLE = (
    ("botocore.exceptions", "ConnectionError"),
    ("botocore.exceptions", "HTTPClientError"),
    ("requests.exceptions", "ConnectionError"),
    ("requests.exceptions", "Timeout"),
    ("sqlalchemy.exc", "OperationalError"),
    ("builtins", "ConnectionError"),
    ("builtins", "TimeoutError"),
)
_NO_CREDENTIALS = (
    ("botocore.exceptions", "NoCredentialsError"),
    ("botocore.exceptions", "PartialCredentialsError"),
    ("botocore.exceptions", "ProfileNotFound"),
    ("botocore.exceptions", "CredentialRetrievalError"),
    ("botocore.exceptions", "SSOError"),
    ("botocore.exceptions", "TokenRetrievalError"),
)
_REFUSING_CODES = (
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
_HTTP_REFUSALS = (401, 403)


def explain(error: BaseException) -> Problem:
    """Return what an exception means to whoever has typed the command."""
    message = str(error).strip() or type(error).__name__
    causes = list(_causes(error))
    if _is(error, _SOURCE) and any(map(_refuses_connections, causes)):
        from local.process_environment import has_own_source

        return Problem("source database", message, "" if has_own_source() else _START, Exit.UNREACHABLE)
    if _is(error, ("pinpipe_cli.airflow_api", "AirflowApiError")):
        return _of_airflow(error, message)
    for kind, (title, code) in _OURS.items():
        if _is(error, kind):
            return Problem(title, message, "", code)
    if isinstance(error, ImportError):
        return Problem("installation", message, "`make install` finishes the installation", Exit.FAILED)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Problem("disk full", message, "make room, or move the state by PINPIPE_HOME", Exit.FAILED)
    if any(_is(cause, kind) for cause in causes for kind in _NO_CREDENTIALS) or any(map(_aws_refuses, causes)):
        return Problem("credentials", message, _SIGN_IN, Exit.REFUSED)
    if isinstance(error, PermissionError):
        return Problem("not allowed", message, "`pinpipe doctor` looks at who owns the state folder", Exit.REFUSED)
    if any(_is(cause, kind) for cause in causes for kind in _UNREACHABLE):
        return Problem("no answer", message, _START if _is_local() else "", Exit.UNREACHABLE)
    if _is(error, _DEPLOYMENT):
        return Problem("deployment", message, "", Exit.FAILED)
    # A KeyError or an IndexError is a mistake of the program's; LookupErrors of its own have words for people.
    if isinstance(error, ValueError | OSError) or (
        isinstance(error, LookupError) and not isinstance(error, KeyError | IndexError)
    ):
        return Problem("refused", message, "", Exit.FAILED)
    return Problem("unexpected error", f"{type(error).__name__}: {message}", _TRACEBACK, Exit.UNEXPECTED)


def report(error: BaseException, *, as_json: bool) -> Exit:
    """Tell on standard error what went wrong, and return the exit code.

    :param as_json: whether standard output is to hold it as the one document, too.
    """
    problem = explain(error)
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)
    if as_json:
        print(json.dumps({"error": asdict(problem)}, indent=2))
    screen = console(sys.stderr)
    if not sys.stderr.isatty():
        sys.stderr.write(f"pinpipe: {problem.message}\n" + (f"  -> {problem.way_out}\n" if problem.way_out else ""))
        return problem.exit_code
    lines = [Text(visible(line)) for line in problem.message.splitlines()]
    if problem.way_out:
        lines += [Text(), Text(f"→ {problem.way_out}", "cyan")]
    screen.print(Panel(Group(*lines), title=problem.title, title_align="left", border_style="red"))
    return problem.exit_code


def _of_airflow(error: BaseException, message: str) -> Problem:
    status = getattr(error, "status", None)
    if status is None or status >= 500:
        return Problem("Airflow does not answer", message, _START if _is_local() else "", Exit.UNREACHABLE)
    if status in _HTTP_REFUSALS:
        return Problem("Airflow refuses you", message, _LOG_IN if _is_local() else "", Exit.REFUSED)
    return Problem("Airflow refuses that", message, "", Exit.FAILED)


def _is_local() -> bool:
    return (os.environ.get("PINPIPE_ENV") or "local") == "local"


def _is(error: BaseException, kind: tuple[str, str]) -> bool:
    module, name = kind
    found = getattr(sys.modules.get(module), name, None)
    return isinstance(found, type) and isinstance(error, found)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that it was raised from."""
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.__cause__


def _refuses_connections(error: BaseException) -> bool:
    return "connection refused" in str(error).lower()


def _aws_refuses(error: BaseException) -> bool:
    answer = getattr(error, "response", None)
    code = answer.get("Error", {}).get("Code") if isinstance(answer, dict) else None
    return code in _REFUSING_CODES
