"""What a caller asks for and cannot get, however often it asks."""

from __future__ import annotations


class RefusedArgumentError(ValueError):
    """An argument is out of its limits; the message names it, its value and the way out."""
