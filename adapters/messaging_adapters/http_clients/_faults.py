"""What goes wrong between a client and a server, in words without an address."""

import re
import socket
import ssl
from collections.abc import Mapping
from typing import Final

from messaging_adapters.http_clients._target import Target, target_of
from messaging_core.errors import ConfigurationError, HttpError
from messaging_core.ports.http import HttpFault

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")  # RFC 9110 §5.6.2, in lower case
_VALUE: Final = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*")
_OTHER_HOST: Final = 62  # X509_V_ERR_HOSTNAME_MISMATCH of OpenSSL


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse headers that HTTP cannot carry.

    Raises:
        HttpError: A name or a value could be read as more than one header.
    """
    if not all(_NAME.fullmatch(name) and _VALUE.fullmatch(headers[name]) for name in headers):
        raise HttpError("a header is not one that HTTP can carry", may_be_sent=False)


def verifying(context: ssl.SSLContext | None) -> ssl.SSLContext:
    """Return a context that verifies, by default a new one.

    Raises:
        ConfigurationError: This one would trust any server.
    """
    tls = context or ssl.create_default_context()
    if tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname:
        raise ConfigurationError(
            "the ssl_context does not verify certificates and host names: "
            "use ssl.create_default_context(), with cafile= for an own authority"
        )
    return tls


def target(url: str) -> Target:
    """Return where a URL leads.

    Raises:
        HttpError: Nowhere.
    """
    try:
        return target_of(url)
    except ValueError as error:
        raise HttpError(
            "the URL is malformed", may_be_sent=False, fault=HttpFault.UNKNOWN_HOST
        ) from error


def too_large(limit: int, status: int | None) -> HttpError:
    """Return the error about an answer with a larger body than is allowed."""
    return HttpError(
        f"the answer is larger than {limit} bytes",
        may_be_sent=True,
        fault=HttpFault.TOO_LARGE,
        status=status,
    )


def not_connected(cause: object) -> HttpError:
    """Return the error about a connection that did not come to stand."""
    if isinstance(cause, HttpError):
        return cause
    problem, fault = described(cause, fault=HttpFault.UNREACHABLE)
    return HttpError(problem, may_be_sent=False, fault=fault)


def described(cause: object, fault: HttpFault = HttpFault.BROKEN) -> tuple[str, HttpFault]:
    """Return what went wrong, in words without an address, and its kind.

    Args:
        cause: The error that the system or a library raised.
        fault: Its kind, unless it is a more special one.
    """
    if isinstance(cause, ssl.SSLCertVerificationError):
        # The message about another name quotes both names.
        is_other = cause.verify_code == _OTHER_HOST
        why = "it is of another host" if is_other else cause.verify_message
        return f"the server's certificate is not accepted: {why}", HttpFault.UNTRUSTED
    if isinstance(cause, TimeoutError):
        return "the server took too long", HttpFault.TIMEOUT
    if fault is HttpFault.BROKEN:
        return f"the connection broke: {type(cause).__name__}", fault
    return _unconnected(cause)


def _unconnected(cause: object) -> tuple[str, HttpFault]:
    if isinstance(cause, socket.gaierror) and cause.errno != socket.EAI_AGAIN:
        return (
            "the server's name is not known: it is wrong, or there is no network",
            HttpFault.UNKNOWN_HOST,
        )
    is_cut_short = isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError))
    if isinstance(cause, ssl.SSLError) and not is_cut_short:
        reason = cause.reason or "the handshake failed"
        return f"there is no TLS with this server: {reason}", HttpFault.NO_TLS
    return "the connection to the server failed", HttpFault.UNREACHABLE
