"""HTTP basic authentication of everything but ``/health``."""

from __future__ import annotations

import base64
import binascii
import hmac

from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.requests import HTTPConnection


class BasicAuth(AuthenticationBackend):
    """Lets one user in.

    :param user: the user's name.
    :param password: the user's password.
    """

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._credentials = f"{user}:{password}".encode()

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        """Return who asks; None on ``/health``, which anybody may ask.

        :raises AuthenticationError: when the credentials are missing or wrong.
        """
        if conn.scope["path"] == "/health":  # not the url's, in which the Host header takes part
            return None
        scheme, _, encoded = conn.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(encoded.strip(), validate=True) if scheme.lower() == "basic" else b""
        except binascii.Error:
            given = b""
        if not hmac.compare_digest(given, self._credentials):
            raise AuthenticationError("User cannot access the resource.")
        return AuthCredentials(["authenticated"]), SimpleUser(self._user)
