"""A real HTTP server that answers as an API before Kinesis, or as a test tells it to."""

import json
import time
from collections import Counter
from typing import Any

from tests.unit.emulator.rest_proxy import Answer, RestProxy

STREAMS = {"pin": "t-pin", "geo": "t-geo", "user": "t-user"}
SHARDS = 2


class StreamApi(RestProxy):
    """Keeps what arrived; `answer(attempt, stream, records)` may return another answer, or None.

    A record is a pair of data and partition key, whichever route it came by.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stored = {stream: [] for stream in STREAMS.values()}

    def handle(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        stream, route = path.split("/")[-2:]
        content = json.loads(body)
        records = (
            [(content["Data"], content["PartitionKey"])]
            if route == "record"
            else [(each["data"], each["partition-key"]) for each in content["records"]]
        )
        with self._lock:
            keys = [key for _, key in records]
            arrived = {"path": path, "headers": headers, "content": content, "keys": keys}
            self.requests.append({**arrived, "at": time.monotonic()})
            attempt = len(self.requests)
        other = self.answer(attempt, stream, records)
        if other is not None:
            return other
        outcomes = [self.store(stream, record) for record in records]
        return self.answered(outcomes[0] if route == "record" else {"FailedRecordCount": 0, "Records": outcomes})

    def store(self, stream: str, record: tuple[Any, str]) -> dict[str, Any]:
        """Hold a record; return its place."""
        with self._lock:
            self.stored[stream].append((record[1], record[0]))
            place = len(self.stored[stream]) - 1
        # As long as Kinesis' own: longer than a float or a JSON number holds.
        number = 49_590_338_271_490_256_608_559_692_538_361_571_095_921_575_989_136_588_898 + place
        return {"ShardId": f"shardId-{place % SHARDS:012d}", "SequenceNumber": str(number)}

    @staticmethod
    def answered(content: Any, status: int = 200) -> Answer:
        """An answer with this content as JSON."""
        return status, {"Content-Type": "application/json"}, json.dumps(content).encode()

    @property
    def all_keys(self) -> Counter[str]:
        """How often each partition key is stored, over all streams."""
        return sum((self.keys(stream) for stream in STREAMS.values()), Counter())
