"""A key of Apple's, and answers of APNs."""

from typing import Any, Final

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from messaging_core.ports.http import HttpRequest, HttpResponse

KEY_ID: Final = "ABC123DEFG"
TEAM_ID: Final = "DEF123GHIJ"
TOPIC: Final = "com.example.shop"
APNS_ID: Final = "eabeae54-14a8-11e5-b60b-1697f925ec7b"
_KEY: Final = generate_private_key(SECP256R1())
P8: Final = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def options(**changes: Any) -> dict[str, Any]:
    return {"private_key": P8, "key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC} | changes


def token_of(request: HttpRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return head and claims of the token of a request, its signature checked."""
    scheme, token = request.headers["authorization"].split()
    assert scheme == "bearer"
    options: Any = {"verify_iat": False}
    claims = jwt.decode(token, _KEY.public_key(), algorithms=["ES256"], options=options)
    return jwt.get_unverified_header(token), claims


def an_error(status: int, reason: str, **more: Any) -> HttpResponse:
    body = orjson.dumps({"reason": reason, **more})
    return HttpResponse(status=status, headers={"apns-id": APNS_ID}, body=body)


def taken(request: HttpRequest) -> HttpResponse:
    """Take a message as APNs does: it makes an id where there is none, and answers with it."""
    own = request.headers.get("apns-id", APNS_ID)
    return HttpResponse(status=200, headers={"apns-id": own.upper()})
