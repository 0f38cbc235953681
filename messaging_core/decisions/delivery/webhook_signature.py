"""Sign webhooks, so that their receiver can tell who sent them."""

import base64
import hashlib
import hmac
from datetime import datetime
from uuid import UUID

from messaging_core.models.delivery.webhook import WebhookScheme
from messaging_core.rules.requests.webhook import secret_of


def webhook_headers(  # noqa: PLR0913 - what a signature covers, by keyword
    scheme: WebhookScheme,
    key: str | None,
    *,
    url: str,
    body: bytes,
    delivery_id: UUID,
    created_at: datetime,
    now: datetime,
) -> dict[str, str]:
    """Return the headers that identify a webhook, with its signature if there is a key.

    Bird keeps the time of the first attempt (reference §12.7). The libraries of Standard Webhooks
    refuse a time that is older than five minutes, so there it is the time of this attempt.

    Args:
        scheme: How to sign.
        key: The signing key of the subscription.
        url: Where the webhook goes, as it was registered.
        body: What it says.
        delivery_id: The same at every attempt.
        created_at: The time of the webhook.
        now: The time of the attempt.
    """
    if scheme is WebhookScheme.BIRD:
        timestamp = str(int(created_at.timestamp()))
        headers = {
            "messagebird-request-id": str(delivery_id),
            "messagebird-request-timestamp": timestamp,
        }
        if key is not None:
            headers["messagebird-signature"] = bird_signature(key, timestamp, url, body)
        return headers
    timestamp = str(int(now.timestamp()))
    headers = {"webhook-id": str(delivery_id), "webhook-timestamp": timestamp}
    secret = None if key is None else secret_of(key)
    if secret is not None:
        signed = b".".join((str(delivery_id).encode(), timestamp.encode(), body))
        headers["webhook-signature"] = f"v1,{_hmac(secret, signed)}"
    return headers


def bird_signature(key: str, timestamp: str, url: str, body: bytes) -> str:
    """Return the signature of Bird: over time, URL and the digest of the body."""
    signed = b"\n".join((timestamp.encode(), url.encode(), hashlib.sha256(body).digest()))
    return _hmac(key.encode(), signed)


def _hmac(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
