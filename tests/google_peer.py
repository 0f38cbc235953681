"""A service account of Google, and what plays Google's token endpoint and FCM on this machine."""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import HttpPeer
from messaging_core.testing.http_peer import Answer

PROJECT: Final = "shop-1a2b3"
EMAIL: Final = f"sender@{PROJECT}.iam.gserviceaccount.com"
FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
_KEY: Final = generate_private_key(65_537, 2048)
_PEM: Final = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def account_json(token_uri: str, **changes: Any) -> str:
    """Return the file of a key, as Google's console makes it."""
    account = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1f2e3d",
        "private_key": _PEM,
        "client_email": EMAIL,
        "client_id": "1234567890",
        "token_uri": token_uri,
    }
    return json.dumps(account | changes)


def claims_of(request: HttpRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return head and claims of the assertion in a request for a token, its signature checked."""
    form = parse_qs(request.body.decode())
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    (assertion,) = form["assertion"]
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    claims = jwt.decode(assertion, _KEY.public_key(), algorithms=["RS256"], options=options)
    return jwt.get_unverified_header(assertion), claims


def an_error(status: int, code: str = "", *details: Mapping[str, Any], text: str = "x") -> Answer:
    """Return an answer of FCM with an error."""
    own = [{"@type": FCM_ERROR, "errorCode": code}] if code else []
    name = _STATUSES.get(status, "UNKNOWN")
    error = {"code": status, "message": text, "status": name, "details": [*own, *details]}
    return HttpResponse(status=status, body=json.dumps({"error": error}).encode())


class GooglePeer:
    """Give out access tokens and take messages, as the host of a test says.

    Args:
        answer: What FCM answers to a message; by default it takes each of them.
        token: The access token; by default a new one for each grant.

    Attributes:
        grants: The requests for tokens that came.
        messages: The documents that came for FCM with a token that is good.
        good: Access tokens that FCM knows.
        grant: What is answered to a request for a token, if it is none.
    """

    def __init__(
        self, answer: Callable[[dict[str, Any]], Answer] | None = None, *, token: str = ""
    ) -> None:
        self.grants: list[HttpRequest] = []
        self.messages: list[dict[str, Any]] = []
        self.good: set[str] = set()
        self.grant: Callable[[], Answer] | None = None
        self._token = token
        self._answer = answer or self.accepted
        self._lock = threading.Lock()
        self.peer = HttpPeer(self._route)

    def account(self, **changes: Any) -> str:
        """Return the file of a key whose tokens come from here."""
        return account_json(f"{self.peer.url}/token", **changes)

    def accepted(self, document: Mapping[str, Any]) -> HttpResponse:
        """Return FCM's answer to a message that it takes."""
        del document
        name = f"projects/{PROJECT}/messages/0:{len(self.messages):016d}%31bd1c9631bd1c96"
        return HttpResponse(status=200, body=json.dumps({"name": name}).encode())

    def _route(self, request: HttpRequest) -> Answer:
        with self._lock:
            if request.url.endswith("/token"):
                return self._granted(request)
            token = request.headers.get("authorization", "").removeprefix("Bearer ")
            if token not in self.good:
                return HttpResponse(status=401, body=b'{"error": {"status": "UNAUTHENTICATED"}}')
            document = json.loads(request.body)
            self.messages.append(document)
        return self._answer(document)

    def _granted(self, request: HttpRequest) -> Answer:
        self.grants.append(request)
        if self.grant is not None:
            return self.grant()
        token = self._token or f"ya29.token-{len(self.grants)}"
        self.good.add(token)
        answer = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        return HttpResponse(status=200, body=json.dumps(answer).encode())

    def close(self) -> None:
        self.peer.close()
