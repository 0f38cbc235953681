"""Push messages over Firebase Cloud Messaging, by its HTTP v1 API.

Sources: the discovery document of fcm v1 (revision 20261023), "Error codes" and "Best practices
when sending at scale" of Firebase's documentation.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from attrs import define, evolve, field

from messaging_adapters.providers.answers import (
    UNTAKEN,
    in_doubt,
    json_object,
    masked,
    outcome_of_answer,
    text_of,
)
from messaging_adapters.providers.credentials import api_root
from messaging_adapters.providers.error_table import ErrorTable, error_table
from messaging_adapters.providers.fcm_message import check_content, message_of
from messaging_adapters.providers.service_account import AuthorizedClient, ServiceAccount
from messaging_adapters.transports.devices import DeviceTransport
from messaging_adapters.transports.http import (
    AN_HTTP_CLIENT,
    TIMEOUT,
    Codec,
    HttpTransport,
    refused,
)
from messaging_core.arguments import a_text, checked_init, choice, optional, span
from messaging_core.errors import ConfigurationError
from messaging_core.models.common.channel import PUSH
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.delivery.outcome import Accepted, Deferred, Outcome
from messaging_core.models.messages.envelope import Envelope, PushContent
from messaging_core.ports.clock import Clock, SystemClock
from messaging_core.ports.components import a_clock
from messaging_core.ports.http import HttpClient, HttpRequest, HttpResponse

_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_PROJECT: Final = re.compile(r"[A-Za-z0-9.:_-]{1,100}")
_NAME: Final = re.compile(r"projects/[!-.0-~]{1,100}/messages/[!-~]{1,200}")
_COLLAPSE_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"
_ADDRESS: Final = frozenset({"message.token", "message.fid"})
_OF_A_PLATFORM: Final = frozenset({"THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR"})
_USUAL_WAIT: Final = {429: timedelta(minutes=1), 503: timedelta(seconds=10)}
"""Without `Retry-After`, as Firebase asks for."""


@checked_init(
    service_account=a_text,
    project_id=optional(a_text),
    collapse_key=optional(a_text),
    address_field=choice("token", "fid"),
    name=a_text,
    base_url=a_text,
    timeout=span(),
    client=AN_HTTP_CLIENT,
    clock=optional(a_clock),
)
@define(eq=False, kw_only=True)
class FcmTransport(DeviceTransport, Codec):
    """Send push messages to Android, Apple and web apps through a Firebase project.

    Each device gets a request of its own. FCM recognises no repeated message, reports nothing and
    cannot be asked: a copy of a message replaces the first one on the device.

    It needs the extra `fcm`.

    Attributes:
        service_account: The text of the JSON file of a key of a service account, with the role
            "Firebase Cloud Messaging API Admin".
        project_id: The Firebase project; by default that of the service account.
        collapse_key: Lets a message replace an earlier one of this transport on the device; at
            most 32 letters, digits, `-` and `_`. FCM keeps at most four of them for a device.
        address_field: What the addresses are: registration tokens, or Firebase installation ids
            (`fid`).
        name: As in timelines and logs.
        base_url: Where the API is.
        errors: What error codes mean that differs from the table of the engine, by code.
        timeout: For the whole exchange, unless a client is given.
        client: Carries the requests; by default one of its own.
        clock: Tells the time.

    Raises:
        ConfigurationError: The service account, the project or the key is none.
    """

    service_account: str = field(repr=False)
    project_id: str | None = None
    collapse_key: str | None = None
    address_field: str = "token"
    name: str = "fcm"
    base_url: str = "https://fcm.googleapis.com"
    errors: Mapping[str, Mapping[str, str]] = field(factory=dict, repr=False)
    timeout: timedelta = TIMEOUT
    client: HttpClient | None = field(default=None, repr=False)
    clock: Clock | None = field(default=None, repr=False)
    capabilities: Capabilities = field(
        default=Capabilities(
            platforms=frozenset({PUSH}), lacks=frozenset({"actions"}), checks=(check_content,)
        ),
        init=False,
        repr=False,
    )
    _table: ErrorTable = field(init=False, repr=False)
    _url: str = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse a set-up that could not work."""
        account = ServiceAccount(self.service_account)
        project = self.project_id or account.project_id
        if _PROJECT.fullmatch(project) is None:
            raise ConfigurationError("project_id must be the id of a project, such as shop-1a2b3")
        if self.collapse_key is not None and not _COLLAPSE_KEY.fullmatch(self.collapse_key):
            raise ConfigurationError("collapse_key must be 1 to 32 letters, digits, - and _")
        self._url = f"{api_root(self.base_url)}/v1/projects/{project}/messages:send"
        self._table = error_table("fcm").with_changes(self.errors)
        HttpTransport.__init__(
            self, self, client=self.client, timeout=self.timeout, clock=self.clock
        )
        self._http = AuthorizedClient(
            self._http, account, _SCOPE, self.clock or SystemClock(), is_stale=_is_stale
        )

    @property
    def _extra(self) -> str:
        return "fcm"

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        content = envelope.content
        if not isinstance(content, PushContent):
            code = FailureCode.UNSUPPORTED_TYPE
            return refused("FCM carries push messages only", self.name, code=code, rule="content")
        message = message_of(envelope, content, now=now, collapse_key=self.collapse_key)
        return self._request({"message": {self.address_field: envelope.to, **message}})

    def _request(self, document: Mapping[str, Any]) -> HttpRequest:
        headers = {"content-type": "application/json", "accept": "application/json"}
        body = orjson.dumps(document)
        return HttpRequest(method="POST", url=self._url, headers=headers, body=body)

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        answer = json_object(response)
        if response.is_ok:
            name = text_of(answer.get("name"))
            if _NAME.fullmatch(name) is None:
                return in_doubt("the answer names no message", self.name, str(response.status))
            return Accepted(references=(name,))
        code, said = _code_of(answer), text_of(_error_of(answer).get("message"))
        outcome = outcome_of_answer(
            response,
            name=self.name,
            now=now,
            known=self._table.find(code),
            text=masked(said, envelope, ()),
            # FCM says that it is away; a gateway that says so may have passed the message on.
            untaken=UNTAKEN if code == "UNAVAILABLE" else (),
        )
        if isinstance(outcome, Deferred) and outcome.retry_after is None:
            return evolve(outcome, retry_after=_USUAL_WAIT.get(response.status))
        return outcome

    def check_request(self, *, now: datetime) -> HttpRequest | None:
        """Return a message to a topic that FCM checks and does not send."""
        del now
        message = {"topic": "messaging-check", "data": {"check": "1"}}
        return self._request({"validateOnly": True, "message": message})


def _is_stale(response: HttpResponse) -> bool:
    """Return whether a 401 is about the access token, and not about a key kept at Firebase."""
    return _code_of(json_object(response)) not in _OF_A_PLATFORM


def _error_of(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    error = answer.get("error")
    return error if isinstance(error, dict) else {}


def _code_of(answer: Mapping[str, Any]) -> str:
    """Return the code of an error: FCM's own, else that of all Google APIs."""
    error = _error_of(answer)
    details = error.get("details")
    by_type = {
        text_of(detail.get("@type")): detail
        for detail in (details if isinstance(details, list) else ())
        if isinstance(detail, dict)
    }
    own = text_of(by_type.get(_FCM_ERROR, {}).get("errorCode"))
    code = own or text_of(error.get("status"))
    if code != "INVALID_ARGUMENT":
        return code
    # FCM's own code without a list of fields means the address: Firebase's page "Error codes".
    about_address = bool(own) and _BAD_REQUEST not in by_type
    about_address |= bool(_ADDRESS & _fields_of(by_type.get(_BAD_REQUEST, {})))
    return f"{code}:token" if about_address else code


def _fields_of(detail: Mapping[str, Any]) -> set[str]:
    listed = detail.get("fieldViolations")
    violations = listed if isinstance(listed, list) else []
    return {text_of(item.get("field")) for item in violations if isinstance(item, dict)}
