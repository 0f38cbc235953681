"""Requests to AWS, signed with Signature Version 4 by the package botocore."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from attrs import define, evolve, field

from messaging_adapters.mail.failures import unsendable
from messaging_core.errors import MissingDependencyError
from messaging_core.fork import ForkSafeLock
from messaging_core.lazy import frozen
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.ports.http import HttpRequest

try:
    from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session
except ImportError as error:
    raise MissingDependencyError("botocore", "ses") from error

_HEADERS: Final = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")


@frozen(kw_only=True)
class AwsKeys:
    """One set of credentials: of a user, or with a session token of a role.

    Attributes:
        access_key_id: `AKIA…`, or `ASIA…` of a role.
        secret_access_key: Signs requests.
        session_token: Beside the keys of a role.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@define(eq=False)
class KeyChain:
    """Find credentials where AWS tools do: environment, files, containers, the machine's role.

    The keys of a role are renewed before they end. That asks AWS or the machine, within the
    time-outs of botocore. A process that was forked looks for keys of its own.

    Args:
        find: Returns the credentials of botocore, or nothing.
    """

    find: Callable[[], Any] = field(default=lambda: Session().get_credentials(), repr=False)
    _lock: Any = field(factory=ForkSafeLock, init=False, repr=False)
    _owner: int = field(default=0, init=False)
    _credentials: Any = field(default=None, init=False, repr=False)

    def current(self) -> AwsKeys:
        """Return keys that are good now.

        Raises:
            UnsendableError: There are none, or they could not be renewed.
        """
        try:
            with self._lock:
                if self._credentials is None or self._owner != os.getpid():
                    self._credentials, self._owner = self.find(), os.getpid()
                credentials = self._credentials
            keys = credentials.get_frozen_credentials() if credentials is not None else None
        except (BotoCoreError, OSError, ValueError) as error:
            problem = f"the keys of AWS could not be renewed ({type(error).__name__})"
            raise unsendable(problem, FailureCode.DEPENDENCY_ERROR, Retry.TRANSIENT) from None
        if keys is None or not keys.access_key or not keys.secret_key:
            raise unsendable(
                "botocore finds no keys of AWS", FailureCode.NOT_CONFIGURED, Retry.CONFIGURATION
            )
        return AwsKeys(
            access_key_id=keys.access_key,
            secret_access_key=keys.secret_key,
            session_token=keys.token,
        )

    def forget(self) -> None:
        """Look for keys again at the next request: AWS says that these have ended."""
        with self._lock:
            self._credentials = None


class _DatedSigV4(SigV4Auth):  # type: ignore[misc] # botocore has no types
    """Sign with an instant that is an argument, as everywhere else."""

    def __init__(self, keys: AwsKeys, service: str, region: str, now: datetime) -> None:
        credentials = Credentials(keys.access_key_id, keys.secret_access_key, keys.session_token)
        super().__init__(credentials, service, region)
        self._now = now.astimezone(UTC)

    def _modify_request_before_signing(self, request: Any) -> None:
        request.context["timestamp"] = self._now.strftime(SIGV4_TIMESTAMP)
        super()._modify_request_before_signing(request)


@define(eq=False, kw_only=True)
class Signer:
    """Sign requests to one service in one region.

    Attributes:
        service: The name that signatures have, such as `ses`.
        region: Such as `eu-west-1`.
        keys: To sign with; without them, those that a chain finds.
    """

    service: str
    region: str
    keys: AwsKeys | None = None
    chain: KeyChain = field(factory=KeyChain, repr=False)

    def sign(self, request: HttpRequest, now: datetime) -> HttpRequest:
        """Return a request with the headers of its signature, which covers headers, URL and body.

        Raises:
            UnsendableError: There are no keys for now.
        """
        draft = AWSRequest(
            method=request.method, url=request.url, data=request.body, headers=dict(request.headers)
        )
        keys = self.keys or self.chain.current()
        _DatedSigV4(keys, self.service, self.region, now).add_auth(draft)
        added = {name: draft.headers[name] for name in _HEADERS if name in draft.headers}
        return evolve(request, headers={**request.headers, **added})

    def renew(self) -> bool:
        """Look for other keys, and return whether there may be any."""
        self.chain.forget()
        return self.keys is None
