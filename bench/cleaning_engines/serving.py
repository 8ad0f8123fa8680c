"""What an engine's process does: it cleans the day whenever it reads a line, and answers with counts.

So that what is measured from outside is one cleaning: the first one with the start of the process, later ones without.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping

DAY = "2024-02-29"
PIPELINE_ID = "bench"


def serve(clean: Callable[[], Mapping[str, int]]) -> None:
    """Clean once for every line on standard input; print the counts as JSON."""
    for _ in sys.stdin:
        print(json.dumps(dict(clean())), flush=True)
