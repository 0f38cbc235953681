"""`HttpTransport` with a codec of a host's own."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from messaging_adapters.providers.answers import in_doubt, json_object, outcome_of_answer, text_of
from messaging_adapters.transports.http import Codec, HttpTransport
from messaging_core.errors import ConfigurationError, HttpError
from messaging_core.models import (
    Accepted,
    Capabilities,
    CheckStatus,
    Deferred,
    Envelope,
    Outcome,
    Rejected,
    Retry,
    SmsContent,
    Unknown,
)
from messaging_core.ports.http import HttpFault, HttpRequest, HttpResponse
from messaging_core.ports.transport import Transport
from messaging_core.rules.formats.sms import split_sms
from messaging_core.testing import HttpPeerContract
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave


class PagerCodec(Codec):
    name = "pager"
    capabilities = Capabilities(platforms=frozenset({"sms"}), media=False, max_recipients=1)

    def __init__(self, url: str = "http://localhost:1") -> None:
        self.url = url

    def request(self, envelope: Envelope, *, now: datetime) -> HttpRequest | Outcome:
        del now
        assert isinstance(envelope.content, SmsContent)
        sms = {"to": envelope.to, "text": envelope.content.text}
        return HttpRequest(method="POST", url=f"{self.url}/sms", body=json.dumps(sms).encode())

    def outcome(self, response: HttpResponse, envelope: Envelope, *, now: datetime) -> Outcome:
        del envelope
        if not response.is_ok:
            return outcome_of_answer(response, name=self.name, now=now)
        reference = text_of(json_object(response).get("reference"))
        if not reference:
            return in_doubt("the answer names no message", self.name, str(response.status))
        return Accepted(references=(reference,))

    def references(self, envelope: Envelope) -> Sequence[str]:
        return (str(envelope.message_id),)


class TestHttpTransport(HttpPeerContract):
    platform, content = CONTENTS[1]

    def transport_to(self, url: str) -> Transport:
        return HttpTransport(PagerCodec(url), timeout=timedelta(seconds=0.5))

    def accepted(self, number: int) -> HttpResponse:
        return HttpResponse(status=202, body=b'{"reference": "pager-%d"}' % number)

    def rejected(self, words: str) -> HttpResponse:
        return HttpResponse(status=400, body=words.encode())


class Broken:
    """A client that breaks as told, after it asked for leave if `asks`."""

    def __init__(self, error: HttpError, *, asks: bool = True) -> None:
        self.error, self.asks = error, asks

    def send(self, request: HttpRequest, *, before_body: Any = None, **_: Any) -> HttpResponse:
        del request
        if self.asks and before_body is not None:
            before_body()
        raise self.error


AN_SMS = an_envelope("sms", SmsContent(sms=split_sms("hi")))


@pytest.mark.parametrize(
    ("error", "kind", "retry"),
    [
        (HttpError("x", may_be_sent=True), Unknown, Retry.AMBIGUOUS),
        (HttpError("x", may_be_sent=True, status=202), Unknown, Retry.AMBIGUOUS),
        (HttpError("x", may_be_sent=True, status=400), Rejected, Retry.PERMANENT),
        (HttpError("x", may_be_sent=True, status=500), Unknown, Retry.AMBIGUOUS),
        (HttpError("x", may_be_sent=False), Deferred, Retry.TRANSIENT),
        (
            HttpError("x", may_be_sent=False, fault=HttpFault.UNTRUSTED),
            Deferred,
            Retry.CONFIGURATION,
        ),
        (HttpError("x", may_be_sent=False, fault="a word of theirs"), Deferred, Retry.TRANSIENT),
    ],
)
def test_what_a_client_says_decides_whether_there_is_doubt(
    error: HttpError, kind: type, retry: Retry
) -> None:
    transport = HttpTransport(PagerCodec(), client=Broken(error))

    outcome = transport.send(AN_SMS, Leave())

    assert isinstance(outcome, kind)
    assert not isinstance(outcome, Accepted)
    assert outcome.failure.retry is retry  # type: ignore[union-attr]


def test_references_that_are_known_go_with_the_mark() -> None:
    known: list[Sequence[str]] = []

    def leave(*, references: Sequence[str] = ()) -> None:
        known.append(references)

    error = HttpError("x", may_be_sent=True)
    HttpTransport(PagerCodec(), client=Broken(error)).send(AN_SMS, leave)

    assert known == [(str(AN_SMS.message_id),)]


def test_another_platform_is_refused_before_the_codec_sees_it() -> None:
    platform, content = CONTENTS[0]
    error = HttpError("x", may_be_sent=True)
    leave = Leave()

    outcome = HttpTransport(PagerCodec(), client=Broken(error)).send(
        an_envelope(platform, content), leave
    )

    assert isinstance(outcome, Rejected)
    assert "carries sms, not email" in outcome.failure.description
    assert leave.calls == 0


def test_a_codec_without_a_request_for_it_is_neither_checked_nor_asked() -> None:
    transport = HttpTransport(PagerCodec(), client=Broken(HttpError("x", may_be_sent=True)))

    assert transport.check().status is CheckStatus.UNKNOWN
    assert transport.look_up(AN_SMS) is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"codec": object()}, "codec must be a codec"),
        ({"client": object()}, "client must be an HTTP client"),
        ({"timeout": 0}, "timeout must be a timedelta"),
        ({"clock": datetime}, "clock must be a clock"),
    ],
)
def test_wrong_arguments_are_named(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        HttpTransport(**{"codec": PagerCodec()} | options)
