"""How a request to a provider's API is written."""

from collections.abc import Mapping
from typing import Final

from messaging_core.ports.http import HttpRequest

JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"


def api_request(
    method: str,
    url: str,
    credentials: Mapping[str, str],
    body: bytes = b"",
    content_type: str = JSON,
) -> HttpRequest:
    """Return a request whose answer is JSON.

    Args:
        method: Such as `POST`.
        url: The whole URL.
        credentials: The headers that show who sends it, and others beside them.
        body: Empty for a request without one.
        content_type: Of the body.
    """
    headers = {**credentials, "accept": JSON}
    if body:
        headers["content-type"] = content_type
    return HttpRequest(method=method, url=url, headers=headers, body=body)
