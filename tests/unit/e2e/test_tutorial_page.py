"""How the tutorial's commands are read from its page, and compared with what they print."""

from __future__ import annotations

import shlex

import pytest

from tests.documented_commands import parse
from tests.e2e.tutorial_page import PAGE, Step, prints, steps

PAGE_TEXT = """\
Text.

```bash
make up
```

```console
$ .venv/bin/pinpipe run clean_batch --conf '{"posts": 3}'
clean_batch: run … started
…
  clean: success in … s
```
"""


def test_a_command_is_read_with_its_arguments_and_its_output_and_other_blocks_are_for_people() -> None:
    assert steps(PAGE_TEXT) == [
        Step(
            ("run", "clean_batch", "--conf", '{"posts": 3}'),
            ("clean_batch: run … started", "…", "  clean: success in … s"),
        )
    ]


@pytest.mark.parametrize(
    "block",
    ["pinpipe status", "$ pinpipe status", "$ .venv/bin/pinpipe status\n$ .venv/bin/pinpipe down"],
    ids=["no command", "another program", "two commands"],
)
def test_a_block_that_is_not_one_command_of_the_program_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match="has to be one command"):
        steps(f"```console\n{block}\n```\n")


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (("a … c",), "a b c\n", True),
        (("a … c",), "a  c\n", False),
        (("a … c",), "a c\n", False),
        (("a",), "a\nb\n", False),
        (("a", "…"), "a\nb\nc\n", True),
        (("a", "…"), "a\n", True),
        (("a", "…", "c"), "a\nb\nb\nc\n", True),
        (("a", "…", "c"), "a\nb\n", False),
        (("…",), "17\n", True),
        (("…",), "17\n18\n", False),
        (("…",), "", False),
        (("1 (2)*",), "1 (2)*  \n", True),
    ],
)
def test_dots_stand_for_some_text_in_a_line_and_alone_for_any_lines(
    shown: tuple[str, ...], printed: str, same: bool
) -> None:
    assert prints(shown, printed) is same


def test_the_tutorial_goes_from_provision_to_a_past_day_and_has_only_commands_that_there_are() -> None:
    found = steps(PAGE.read_text(encoding="utf-8"))
    for step in found:
        parse(list(step.arguments))
    named = [shlex.join(step.arguments[:2]) for step in found]
    assert named.index("run provision") < named.index("run clean_batch") < named.index("stream start")
    assert "backfill --from" in named
    assert all(step.shown for step in found)
