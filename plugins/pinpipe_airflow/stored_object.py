"""One object of S3, told apart by content."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it.

    :param key: its key in the bucket.
    :param etag: its ETag without the quotes that S3's API puts around it and other clients take off; it tells
        rewritten content of the same key apart.
    :param size: size in bytes; like the next, it is told by listings only and does not tell objects apart.
    :param modified: when it was written.
    """

    key: str
    etag: str
    size: int = field(default=0, compare=False)
    modified: datetime | None = field(default=None, compare=False)

    @classmethod
    def of(cls, key: str, etag: str, size: int = 0, modified: datetime | None = None) -> StoredObject:
        """Return the object of ``key`` with its ETag in quotes or not."""
        return cls(key, etag.strip('"'), size, modified)
