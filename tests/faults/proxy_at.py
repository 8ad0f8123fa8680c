"""``python -m tests.faults.proxy_at PORT``: another REST proxy of the world's broker, on a port of its own."""

from __future__ import annotations

import os
import runpy
import sys

from local import ports

ports._BASE["kafka_rest"] = int(sys.argv[1]) - int(os.environ.get("PINPIPE_PORT_OFFSET", "0"))
runpy.run_module("local.kafka_rest", run_name="__main__")
