"""The wish for the streaming job, as a teardown expresses it and takes it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from include import layout
from pinpipe_airflow.hooks.stream_control import StreamControlHook


class StreamWishHook(StreamControlHook):
    """Wishes the stream stopped for a while.

    Takes what :class:`~pinpipe_airflow.hooks.receipt.ReceiptHook` takes.
    """

    def wish_stopped(self, by: str) -> None:
        """Wish the stream stopped, unless somebody else does: theirs is to last.

        :param by: who wishes it.
        """
        if (self.wish() or {}).get("wish") == "stopped":
            return
        wish = {"wish": "stopped", "at": datetime.now(UTC).isoformat(), "by": by}
        self.load_string(json.dumps(wish), key=layout.control_key("stream"), bucket_name=self.bucket, replace=True)

    def take_back(self, by: str) -> None:
        """Remove the wish if it is one that ``by`` has expressed."""
        if (self.wish() or {}).get("by") == by:
            self.delete_objects(bucket=self.bucket, keys=layout.control_key("stream"))
            self.log.info("The wish of %s that the stream be stopped is taken back", by)

    def forget_version(self) -> None:
        """Remove the wanted version, of a job that is no more."""
        self.delete_objects(bucket=self.bucket, keys=layout.control_key("stream_version"))
