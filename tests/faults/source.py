"""The posts that the source database holds while faults are tested: generated, so that it is known what went in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from emulator.generator import generate_posts
from emulator.payloads import records_of
from include.settings import settings
from tests.world import World

POSTS = 6_000  # thirty-six requests: enough for a kill to come between two of them
SEED = 9

Rows = dict[tuple[str, str], dict[str, Any]]


@dataclass(frozen=True)
class FaultSource:
    """The source's posts.

    :param posts: how many there are.
    :param seed: what they are generated from.
    """

    posts: int
    seed: int

    @cached_property
    def records(self) -> Rows:
        """What each post puts on the wire, by topic and key."""
        topics = settings().topics
        return {
            (topics[name], record.key): json.loads(record.value)
            for post in generate_posts(self.posts, self.seed)
            for name, record in records_of(post)
        }


def fill(world: World) -> FaultSource:
    """Replace what the source database holds."""
    world.pinpipe("source", "generate", "--posts", str(POSTS), "--seed", str(SEED))
    return FaultSource(POSTS, SEED)
