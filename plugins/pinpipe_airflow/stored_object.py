"""One object of S3, told apart by content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it.

    :param key: its key in the bucket.
    :param etag: its ETag without the quotes that S3's API puts around it and other clients take off; it tells
        rewritten content of the same key apart.
    """

    key: str
    etag: str

    @classmethod
    def of(cls, key: str, etag: str) -> StoredObject:
        """Return the object of ``key`` with its ETag in quotes or not."""
        return cls(key, etag.strip('"'))
