"""A task process that posts until it is terminated.

As Airflow's task runner has it, SIGTERM calls ``on_kill``, and the process ends without taking the interpreter down.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from types import SimpleNamespace

from pinpipe_airflow.hooks.rest_api import ApiGatewayHook
from pinpipe_airflow.operators.emulate_stream import EmulateStreamOperator

from emulator.receipt import PostingStoppedError
from tests.unit.emulator.stream_api import STREAMS

if __name__ == "__main__":
    url, records_per_request = sys.argv[1:]
    logging.basicConfig(level=logging.INFO)
    ApiGatewayHook.get_invoke_url = lambda self, name, url_format: url
    operator = EmulateStreamOperator(
        task_id="emulate",
        rest_api_name="p",
        api_stage="prod",
        api_url_format="{api_id}",
        streams=STREAMS,
        rate=40,
        duration_s=600,
        records_per_request=records_per_request,
    )
    signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())
    try:
        operator.execute({"run_id": "manual__1", "ti": SimpleNamespace(xcom_push=lambda key, value: None)})
    except PostingStoppedError:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(1)
