"""``python -m tests.faults.broker_at HOST``: the world's broker on another interface than loopback."""

from __future__ import annotations

import runpy
import sys

from local.kafka import storage

storage.HOST = sys.argv[1]
runpy.run_module("local.kafka", run_name="__main__")
