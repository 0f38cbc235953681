"""The nonce of an answer, which lets its style sheet and its script in, and nothing else."""

import re
from collections.abc import Callable
from secrets import token_urlsafe
from typing import Any, Final

from starlette.requests import Request

from messaging_core.host_code import fault_of
from messaging_core.lazy import logger

_log = logger(__name__)

_BYTES: Final = 16
_NONCE: Final = re.compile("[A-Za-z0-9+/_-]{16,200}={0,2}")

_REMEDY: Final = "return 16 or more base64 characters, new for each answer"

HostNonce = Callable[[Request], str]
"""Returns the nonce that the host's own Content-Security-Policy has in the answer to a request."""


def nonce_of(request: Request, host: HostNonce | None) -> str:
    """Return the nonce of an answer: the host's own, else a new one.

    With a nonce that could end the policy or be guessed, the policy of the viewer would be worth
    nothing. So it is replaced, and the log says that the host's policy now refuses the style sheet.
    """
    own = token_urlsafe(_BYTES)
    if host is None:
        return own
    try:
        given: Any = host(request)
    except Exception as error:  # noqa: BLE001 - code of the host
        _log.error("nonce= failed, so pages are without style: %s", fault_of(error))
        return own
    if isinstance(given, str) and _NONCE.fullmatch(given):
        return given
    _log.error("nonce= returned no nonce, so pages are without style: %s", _REMEDY)
    return own
