"""The operator that posts to streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pinpipe_airflow.operators.emulate import EmulateOperator

if TYPE_CHECKING:
    import sqlalchemy as sa


class EmulateStreamOperator(EmulateOperator):
    """Posts posts from the source database through the REST API into Kinesis streams, at a steady rate.

    Takes what :class:`~pinpipe_airflow.operators.emulate.EmulateOperator` takes, returns and raises what it does, and:

    :param streams: Kinesis stream of each data set. (templated)
    :param rate: posts per second, each of three records. (templated)
    :param posts: number of posts; ``None`` where ``duration_s`` is given. (templated)
    :param duration_s: how long to post, in seconds; ``None`` where ``posts`` is given; neither: 60. (templated)
    :param records_per_request: most records in one request, 1 to 500. (templated)
    :param api_rate_limit: requests per second that the API lets through, which a higher rate is warned about.
    :return: the emulator's receipt: counts, sequence numbers, what was sent again. A failed run leaves it as the XCom
        ``receipt``, a stopped one in its log too.
    """

    template_fields: Sequence[str] = (
        *EmulateOperator.template_fields,
        "streams",
        "rate",
        "posts",
        "duration_s",
        "records_per_request",
    )

    def __init__(
        self,
        *,
        streams: Mapping[str, str],
        rate: float | str,
        posts: int | str | None = None,
        duration_s: float | str | None = None,
        records_per_request: int | str = 1,
        api_rate_limit: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.streams = streams
        self.rate = rate
        self.posts = posts
        self.duration_s = duration_s
        self.records_per_request = records_per_request
        self.api_rate_limit = api_rate_limit

    def what(self) -> str:
        """Return what is posted, how fast and how long."""
        many = f"{self.posts} posts" if self.posts is not None else f"{self.duration_s or 60} s of posts"
        return f"Posting: {many} at {self.rate} posts/s, up to {self.records_per_request} records a request"

    def emulate(self, engine: sa.Engine, choice: dict[str, Any]) -> dict[str, Any]:
        """Post, and return the receipt."""
        from emulator.stream_posting import post_stream

        self._warn_of_limit()
        return post_stream(
            engine,
            rate=float(self.rate),
            posts=None if self.posts is None else int(self.posts),
            duration_s=None if self.duration_s is None else float(self.duration_s),
            streams=self.streams,
            records_per_request=int(self.records_per_request),
            **self.api(),
            **choice,
        )

    def _warn_of_limit(self) -> None:
        # Records of a stream are gathered for a second at most, so each stream has a request a second at least.
        by_stream = max(float(self.rate) / int(self.records_per_request), min(float(self.rate), 1.0))
        needed = by_stream * len(self.streams)
        if self.api_rate_limit is not None and needed > self.api_rate_limit:
            self.log.warning(
                "rate=%s posts/s takes %.0f requests/s, and the API lets %g through (api_rate_limit): the rest is "
                "answered with 429 and sent again, so the rate will not be kept. Way out: a lower rate, more "
                "records_per_request, or a higher PINPIPE_API_RATE_LIMIT and another run of provision",
                self.rate,
                needed,
                self.api_rate_limit,
            )
