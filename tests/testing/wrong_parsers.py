"""A right receipt parser, and wrong ones that the contract has to catch."""

import hashlib
import hmac
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import repeat
from typing import Any

from attrs import evolve

from messaging_core.errors import (
    ConfigurationError,
    ForgedRequestError,
    UnreadableRequestError,
)
from messaging_core.models.delivery.receipt import Receipt, ReceiptStatus, StatusReceipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser

SIGNATURE, TIMESTAMP = "pigeon-signature", "pigeon-timestamp"
STATUSES = {"landed": ReceiptStatus.DELIVERED, "lost": ReceiptStatus.FAILED}


def signature_of(secret: str, timestamp: str, url: str, body: bytes) -> str:
    content = f"{timestamp}\n{url}\n".encode("utf-8", "replace") + body
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


class Right(ReceiptParser):
    """Takes JSON such as `{"pigeon": "p-1", "status": "landed", "to": "+31…"}`."""

    name = "pigeon"

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets or not all(secret.strip() for secret in secrets):
            raise ConfigurationError("a pigeon needs a secret")
        self.secrets = tuple(secrets)

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        given, timestamp = self.headers(request)
        expected = self.expected(request, timestamp)
        if not any(map(self.equal, repeat(given), expected)):
            raise ForgedRequestError("the signature is wrong")
        self.check_age(timestamp, now)

    def headers(self, request: HttpRequest) -> tuple[str, str]:
        timestamp = request.headers.get(TIMESTAMP, "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 12):
            raise ForgedRequestError("the timestamp is none")
        return request.headers.get(SIGNATURE, ""), timestamp

    def expected(self, request: HttpRequest, timestamp: str) -> list[str]:
        return [
            signature_of(secret, timestamp, request.url, request.body) for secret in self.secrets
        ]

    def equal(self, given: str, own: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), own.encode())

    def check_age(self, timestamp: str, now: datetime) -> None:
        age = now - datetime.fromtimestamp(int(timestamp), UTC)
        if not timedelta(minutes=-5) <= age <= timedelta(hours=24):
            raise ForgedRequestError("it is too old")

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        try:
            document = json.loads(request.body)
        except (ValueError, RecursionError):
            raise UnreadableRequestError("it is no JSON") from None
        if not isinstance(document, dict):
            raise UnreadableRequestError("it is no object")
        return self.read(document, now)

    def read(self, document: dict[str, Any], now: datetime) -> Sequence[Receipt]:
        pigeon, word = document.get("pigeon"), document.get("status")
        if not (isinstance(pigeon, str) and pigeon and isinstance(word, str) and word):
            raise UnreadableRequestError("it names no pigeon, or no status")
        return [self.receipt(pigeon, word, now)]

    def receipt(self, pigeon: str, word: str, now: datetime) -> StatusReceipt:
        return StatusReceipt(
            source=self.name,
            at=now,
            status=STATUSES.get(word),
            provider_status=word,
            reference=pigeon,
            key=self.key(pigeon, word, now),
        )

    def key(self, pigeon: str, word: str, now: datetime) -> str | None:  # noqa: ARG002 - for wrong ones
        return f"{pigeon}:{word}"


class Believes(Right):
    """Verifies nothing."""

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        pass


class AnswersFalse(Right):
    """Answers whether a request is genuine, instead of raising."""

    def verify(self, request: HttpRequest, *, now: datetime) -> Any:
        try:
            super().verify(request, now=now)
        except ForgedRequestError:
            return False
        return True


class BelievesASignature(Right):
    """Looks whether there is a signature."""

    def verify(self, request: HttpRequest, *, now: datetime) -> None:  # noqa: ARG002 - wrong
        if not request.headers.get(SIGNATURE):
            raise ForgedRequestError("the signature is missing")


class BelievesWithoutABody(Right):
    """Compares the body with nothing where it is short, as a validation ping has it."""

    def expected(self, request: HttpRequest, timestamp: str) -> list[str]:
        own = super().expected(request, timestamp)
        return own if len(request.body) > 30 else [request.headers[SIGNATURE]]


class SignsTheTrimmedBody(Right):
    """Compares with the signature of the body, or with that of its beginning."""

    def expected(self, request: HttpRequest, timestamp: str) -> list[str]:
        body = request.body.split(b"}")[0] + b"}"
        return [signature_of(secret, timestamp, request.url, body) for secret in self.secrets]


class IgnoresTheUrl(Right):
    def expected(self, request: HttpRequest, timestamp: str) -> list[str]:
        url = "https://example.test/hooks/pigeon"
        return [signature_of(secret, timestamp, url, request.body) for secret in self.secrets]


class NeedsNoTimestamp(Right):
    def headers(self, request: HttpRequest) -> tuple[str, str]:
        if TIMESTAMP not in request.headers:
            timestamp = str(int(datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()))
            return request.headers.get(SIGNATURE, ""), timestamp
        return super().headers(request)


class KnowsNoAge(Right):
    def check_age(self, timestamp: str, now: datetime) -> None:
        pass


class IsImpatient(Right):
    """Drops the repetitions of a provider."""

    def check_age(self, timestamp: str, now: datetime) -> None:
        if abs(now - datetime.fromtimestamp(int(timestamp), UTC)) > timedelta(minutes=5):
            raise ForgedRequestError("it is too old")


class BelievesTheFuture(Right):
    def check_age(self, timestamp: str, now: datetime) -> None:
        if now - datetime.fromtimestamp(int(timestamp), UTC) > timedelta(hours=24):
            raise ForgedRequestError("it is too old")


class ReadsTheClock(Right):
    def check_age(self, timestamp: str, now: datetime) -> None:  # noqa: ARG002 - wrong
        super().check_age(timestamp, datetime.now(UTC))  # noqa: TID251 - wrong


class KnowsOneSecret(Right):
    def expected(self, request: HttpRequest, timestamp: str) -> list[str]:
        return super().expected(request, timestamp)[:1]


class NeedsNoSecret(Right):
    def __init__(self, secrets: Sequence[str]) -> None:
        self.secrets = tuple(secrets) or ("",)


class TakesAnEmptySecret(Right):
    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ConfigurationError("a pigeon needs a secret")
        self.secrets = tuple(secrets)


class ComparesTexts(Right):
    def equal(self, given: str, own: str) -> bool:
        return given == own


class ComparesTheBeginning(Right):
    def equal(self, given: str, own: str) -> bool:
        return own.startswith(given)


class StumblesOverHeaders(Right):
    """Compares as `hmac` likes it: ASCII only."""

    def equal(self, given: str, own: str) -> bool:
        return hmac.compare_digest(given, own)


class StumblesOverTimestamps(Right):
    def headers(self, request: HttpRequest) -> tuple[str, str]:
        int(request.headers[TIMESTAMP])
        return super().headers(request)


class StumblesOverRubbish(Right):
    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        return self.read(json.loads(request.body), now)


class StumblesOverDepth(Right):
    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        try:
            document = json.loads(request.body)
        except ValueError:
            raise UnreadableRequestError("it is no JSON") from None
        if not isinstance(document, dict):
            raise UnreadableRequestError("it is no object")
        return self.read(document, now)


class StumblesOverInstants(Right):
    """Takes an instant without an offset, which the engine refuses."""

    def read(self, document: dict[str, Any], now: datetime) -> Sequence[Receipt]:
        (receipt,) = super().read(document, now)
        try:
            at = datetime.fromisoformat(document["at"])
        except (KeyError, TypeError, ValueError):
            return [receipt]
        return [evolve(receipt, at=at)]


class StumblesOverLists(Right):
    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        try:
            document = json.loads(request.body)
        except (ValueError, RecursionError):
            raise UnreadableRequestError("it is no JSON") from None
        return self.read(document, now)


class StumblesOverMissingFields(Right):
    def read(self, document: dict[str, Any], now: datetime) -> Sequence[Receipt]:
        return [self.receipt(document["pigeon"], document["status"], now)]


class StumblesOverTypes(Right):
    def read(self, document: dict[str, Any], now: datetime) -> Sequence[Receipt]:
        if "pigeon" not in document or "status" not in document:
            raise UnreadableRequestError("it names no pigeon, or no status")
        return [self.receipt(document["pigeon"].strip(), document["status"].lower(), now)]


class StumblesOverWords(Right):
    def receipt(self, pigeon: str, word: str, now: datetime) -> StatusReceipt:
        if word not in STATUSES:
            raise UnreadableRequestError("the status is unknown")
        return super().receipt(pigeon, word, now)


class GuessesWords(Right):
    """Takes every word that it does not know for a failure."""

    def receipt(self, pigeon: str, word: str, now: datetime) -> StatusReceipt:
        return super().receipt(pigeon, word if word in STATUSES else "lost", now)


class KeysByTime(Right):
    def key(self, pigeon: str, word: str, now: datetime) -> str:
        return f"{pigeon}:{word}:{now.timestamp()}"


class KeysByContent(Right):
    """Has no key, and the arrival for the instant."""

    def key(self, pigeon: str, word: str, now: datetime) -> None:  # noqa: ARG002 - wrong
        return None


class KeysByChance(Right):
    def key(self, pigeon: str, word: str, now: datetime) -> str:  # noqa: ARG002 - wrong
        return f"{pigeon}:{random.random()}"  # noqa: S311 - wrong


class KeysByMessage(Right):
    """Takes every report on a message for the same one."""

    def key(self, pigeon: str, word: str, now: datetime) -> str:  # noqa: ARG002 - wrong
        return pigeon


class KeysTwoAlike(Right):
    def read(self, document: dict[str, Any], now: datetime) -> Sequence[Receipt]:
        return [*super().read(document, now), *super().read(document, now)]


class RemembersRequests(Right):
    """Refuses a repetition, which the provider sends because its first one had no answer."""

    def __init__(self, secrets: Sequence[str]) -> None:
        super().__init__(secrets)
        self.seen = set[str]()

    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        receipts = (
            [] if request.headers[SIGNATURE] in self.seen else super().parse(request, now=now)
        )
        self.seen.add(request.headers[SIGNATURE])
        return receipts


class ShowsItsSecrets(Right):
    def __repr__(self) -> str:
        return f"ShowsItsSecrets({self.secrets})"


class TellsTheSecret(Right):
    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        try:
            super().verify(request, now=now)
        except ForgedRequestError:
            raise ForgedRequestError(f"not signed with {self.secrets[0]}") from None


class TellsTheSignature(Right):
    """Tells in its error what would have been right."""

    def verify(self, request: HttpRequest, *, now: datetime) -> None:
        try:
            super().verify(request, now=now)
        except ForgedRequestError:
            raise ForgedRequestError(f"{request.headers.get(SIGNATURE)} is wrong") from None


class TellsTheContent(Right):
    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        try:
            return super().parse(request, now=now)
        except UnreadableRequestError:
            raise UnreadableRequestError(f"unreadable: {request.body!r}") from None


class AnswersFailure(Right):
    answer = HttpResponse(status=500)


class HasNoName(Right):
    name = ""


class ReturnsOne(Right):
    def parse(self, request: HttpRequest, *, now: datetime) -> Any:
        return super().parse(request, now=now)[0]


class ReturnsDocuments(Right):
    def parse(self, request: HttpRequest, *, now: datetime) -> Any:
        super().parse(request, now=now)
        return [json.loads(request.body)]


class LosesTheReference(Right):
    def receipt(self, pigeon: str, word: str, now: datetime) -> StatusReceipt:
        receipt = super().receipt(pigeon, word, now)
        return StatusReceipt(
            source=self.name, at=now, status=receipt.status, key=receipt.key, provider_status=word
        )


class ChangesTheRequest(Right):
    def parse(self, request: HttpRequest, *, now: datetime) -> Sequence[Receipt]:
        request.headers["seen"] = "yes"  # type: ignore[index]
        return super().parse(request, now=now)


class DecodesLoosely(Right):
    """Signs the text that the body decodes to, so that different bytes are one."""

    def expected(self, request: HttpRequest, timestamp: str) -> list[str]:
        body = request.body.decode("ascii", "ignore").encode()
        return [signature_of(secret, timestamp, request.url, body) for secret in self.secrets]
