"""The contract of receipt parsers: tests that the tests of every parser inherit."""
# ruff: noqa: S101, D102 - assert is how pytest asserts, and the names of tests are sentences

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, get_args

from attrs import evolve

from messaging_core.errors import (
    ConfigurationError,
    ForgedRequestError,
    InvalidRequestError,
    UnreadableRequestError,
)
from messaging_core.models.delivery.receipt import Receipt
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.ports.receipts import ReceiptParser
from messaging_core.receipts.inbox import key_of
from messaging_core.testing.clock import MONDAY_MORNING
from messaging_core.testing.contracts.webhook_requests import (
    RUBBISH,
    SIGNATURE_SIZE,
    UNREADABLE,
    WatchedText,
    disfigured,
    read_fixture,
    with_field,
)
from messaging_core.wire import dump
from messaging_core.wire.receipts import as_receipts

SECRETS: Final = ("kerfuffle-of-the-old-secret-0001", "kerfuffle-of-the-new-secret-0002")
"""What parsers in these tests verify with; no repr and no error may show them."""

_STRANGERS: Final = "kerfuffle-of-a-stranger-00000003"

_PRIVATE: Final = re.compile(r"\d{6,}|[\w.]+@[\w.]+")
_ENDINGS: Final = (b" ", b"\n", b"&", b"x", b"&a=b", b"{}", b"\x00", b"\xff")
_SHORT_RUBBISH: Final = tuple(text[:1000] for text in RUBBISH)  # looking for addresses is slow
_DAY: Final = timedelta(days=1)
_URL_ACCEPTED: Final = (
    "another URL is accepted; verify it, or set signs_url = False if the provider does not sign it"
)


class ReceiptParserContract:
    """Inherit this in a test class, and say how your parser is made and how its provider signs.

    ```python
    class TestPigeonReceipts(ReceiptParserContract):
        fixtures = Path(__file__).parent / "pigeon"
        retry_window = timedelta(hours=8)
        max_age = timedelta(hours=24)

        def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
            return PigeonReceipts(secret=secrets)

        def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
            signature = pigeon_signature(secret, request, at)
            return evolve(request, headers={**request.headers, "pigeon-signature": signature})
    ```

    `make_parser` gets one secret or two; it gets none, or an empty one, where the parser must
    refuse to be made. `sign` returns a request as the provider sends it: it adds headers, or the
    fields of the body that `signature_fields` names, and each that it adds must be needed. It also
    gets bodies that are of no form, and leaves alone what it cannot sign. Attributes:

    - `fixtures`: a folder. Each `NAME.http` in it is a request without its signature (see
      `read_fixture`); `NAME.json` beside it is a list with an object for each receipt, of the
      fields that matter, as `wire.dump` writes them, and with its class as `kind`. Have one file
      for each status word, one for an unknown word, and one for each kind of incoming message.
    - `signs_url`: whether the signature covers the URL.
    - `signs_body`: whether it covers the body. Where a provider shows nothing but a shared secret,
      a request can be altered by those who read it.
    - `signature_fields`: the fields of a JSON body or a form that hold the signature, where the
      provider has no headers for it.
    - `retry_window`: how long the provider repeats a request whose signature stays the same.
    - `max_age`: how old a request may be at most; none where the provider signs no time.
    """

    fixtures: Path
    signs_url: bool = True
    signs_body: bool = True
    signature_fields: Sequence[str] = ()
    retry_window: timedelta = timedelta(0)
    max_age: timedelta | None = None
    now: datetime = MONDAY_MORNING

    def make_parser(self, secrets: Sequence[str]) -> ReceiptParser:
        """Return a parser that accepts requests signed with any of the secrets."""
        raise NotImplementedError

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        """Return a request with the headers or fields by which the provider signs it."""
        raise NotImplementedError

    def test_there_is_a_name_and_an_answer_of_success(self) -> None:
        parser = self._parser()

        assert isinstance(parser.name, str)
        assert parser.name
        assert isinstance(parser.answer, HttpResponse)
        assert parser.answer.status // 100 == 2  # noqa: PLR2004 - what providers take for success

    def test_every_fixture_is_read(self) -> None:
        parser = self._parser()
        for name, request in self._requests():
            parser.verify(request, now=self.now)

            said = [_said(receipt) for receipt in _checked(parser.parse(request, now=self.now))]

            expected = json.loads((self.fixtures / f"{name}.json").read_text(encoding="utf-8"))
            assert len(said) == len(expected), f"{name}: {len(said)} receipts, not {len(expected)}"
            for receipt, fields in zip(said, expected, strict=True):
                shown = {field: receipt.get(field) for field in fields}
                assert shown == fields, f"{name} is read in another way"

    def test_a_forged_request_is_refused(self) -> None:
        parser = self._parser()
        for name, unsigned in self._unsigned():
            forged = self.sign(unsigned, _STRANGERS, self.now)

            assert self._is_refused(parser, forged), f"{name}: by another secret"
            assert self._is_refused(parser, unsigned), f"{name}: without a signature"
            for other_name, other in self._requests():
                if self.signs_body and other.body != unsigned.body:
                    moved = evolve(other, body=unsigned.body)
                    assert self._is_refused(parser, moved), f"{name}: signature of {other_name}"

    def test_each_header_of_the_signature_is_needed(self) -> None:
        parser = self._parser()
        for name, unsigned in self._unsigned():
            request = self._signed(unsigned)
            added = [header for header in request.headers if header not in unsigned.headers]
            assert added or self.signature_fields, "sign adds no header"
            for header in added:
                without = {key: value for key, value in request.headers.items() if key != header}
                refused = self._is_refused(parser, evolve(request, headers=without))
                assert refused, f"{name} without {header}"

    def test_rubbish_in_a_header_is_a_forgery_and_nothing_else(self) -> None:
        parser = self._parser()
        _, unsigned = next(self._unsigned())
        request = self._signed(unsigned)
        for header in request.headers:
            if header in unsigned.headers:
                continue
            genuine = request.headers[header]
            for text in (*RUBBISH, genuine[:-1], genuine[:-1] + "é", f"{genuine}x", genuine * 2):
                headers = {**request.headers, header: text}
                altered = evolve(request, headers=headers)
                assert self._is_refused(parser, altered), f"{header}: {text[:20]!r}"

    def test_each_field_of_the_signature_is_needed(self) -> None:
        parser, tried = self._parser(), set[str]()
        for name, request in self._requests():
            for field in self.signature_fields:
                if with_field(request.body, field, "x") == with_field(request.body, "", None):
                    continue  # a body of another form
                tried.add(field)
                for text in (None, *_SHORT_RUBBISH):
                    altered = evolve(request, body=with_field(request.body, field, text))
                    shown = f"{name}: {field} {str(text)[:20]!r}"
                    assert self._is_refused(parser, altered), shown
        assert tried == set(self.signature_fields), "no body has such a field"

    def test_signatures_are_not_compared_as_texts(self) -> None:
        parser = self._parser()
        _, request = next(self._requests())
        watched = {name: WatchedText(value) for name, value in request.headers.items()}
        WatchedText.compared = False

        parser.verify(evolve(request, headers=watched), now=self.now)

        assert not WatchedText.compared, "use hmac.compare_digest: == tells how much was right"

    def test_an_altered_body_is_refused_or_means_the_same(self) -> None:
        parser = self._parser()
        if not self.signs_body:
            return
        for name, request in self._requests():
            genuine = _meaning(parser.parse(request, now=self.now))
            for place in range(len(request.body)):
                for mask in (0x01, 0x20, 0x80):
                    body = bytearray(request.body)
                    body[place] ^= mask
                    self._check_altered(parser, request, bytes(body), genuine, f"{name}:{place}")

    def test_a_truncated_or_longer_body_is_refused_or_means_the_same(self) -> None:
        parser = self._parser()
        if not self.signs_body:
            return
        for name, request in self._requests():
            genuine = _meaning(parser.parse(request, now=self.now))
            bodies = [request.body[:size] for size in range(len(request.body))]
            bodies += [request.body + more for more in _ENDINGS]
            for body in bodies:
                self._check_altered(parser, request, body, genuine, f"{name}: {len(body)} bytes")

    def test_an_altered_url_is_refused_where_it_is_signed(self) -> None:
        parser = self._parser()
        if not self.signs_url:
            return
        for name, request in self._requests():
            for url in (f"{request.url}x", request.url[:-1], request.url.replace("://", "://x")):
                altered = evolve(request, url=url)
                assert self._is_refused(parser, altered), f"{name}: {_URL_ACCEPTED}"

    def test_a_body_in_another_encoding_is_read_or_refused(self) -> None:
        parser = self._parser()
        for _, unsigned in self._unsigned():
            text = unsigned.body.decode("utf-8", "replace")
            for encoding in ("utf-16", "utf-32", "utf-8-sig", "cp037"):
                body = text.encode(encoding, "replace")
                moved = evolve(self._signed(unsigned), body=body)
                assert self._is_refused(parser, moved) or not self.signs_body
                self._check_read(parser, evolve(unsigned, body=body))

    def test_a_body_of_no_form_is_unreadable_and_nothing_else(self) -> None:
        parser = self._parser()
        _, unsigned = next(self._unsigned())
        for body in UNREADABLE:
            self._check_read(parser, evolve(unsigned, body=body))

    def test_fields_of_other_types_are_read_or_refused(self) -> None:
        parser = self._parser()
        for _, unsigned in self._unsigned():
            for body in disfigured(unsigned.body):
                self._check_read(parser, evolve(unsigned, body=body))

    def test_a_repeated_request_gives_the_same_keys(self) -> None:
        parser, seen = self._parser(), set[tuple[str, str]]()
        for name, unsigned in self._unsigned():
            first = self._signed(unsigned)
            again = self.sign(unsigned, SECRETS[0], self.now + timedelta(hours=1))
            keys = [
                _keys(parser.parse(first, now=self.now + wait)) for wait in (timedelta(0), _DAY)
            ]
            keys.append(_keys(parser.parse(again, now=self.now + _DAY)))

            assert keys[0] == keys[1] == keys[2], f"{name}: a replay is not recognised"
            assert not seen & set(keys[0]), f"{name} has the key of another fixture"
            assert len(keys[0]) == len(set(keys[0])), f"{name}: two receipts have one key"
            seen |= set(keys[0])

    def test_a_repetition_counts_for_as_long_as_the_provider_repeats(self) -> None:
        parser = self._parser()
        for name, request in self._requests():
            assert not self._is_refused(parser, request, self.now + self.retry_window), name

    def test_a_request_that_is_too_old_or_of_the_future_is_refused(self) -> None:
        parser = self._parser()
        if self.max_age is None:
            return
        assert self.max_age >= self.retry_window, "the provider repeats for longer"
        for name, request in self._requests():
            late = self.now + self.max_age + timedelta(minutes=1)
            assert self._is_refused(parser, request, late), f"{name} is too old"
            assert self._is_refused(parser, request, self.now - _DAY), f"{name} is of the future"

    def test_two_secrets_count_during_a_rotation(self) -> None:
        parser = self.make_parser(SECRETS)
        for _, unsigned in self._unsigned():
            for secret in SECRETS:
                assert not self._is_refused(parser, self.sign(unsigned, secret, self.now))
            assert self._is_refused(parser, self.sign(unsigned, _STRANGERS, self.now))

    def test_no_parser_is_made_without_a_secret(self) -> None:
        for secrets in ((), ("",), ("  ",)):
            try:
                self.make_parser(secrets)
            except ConfigurationError:
                continue
            raise AssertionError(f"a parser is made with the secrets {secrets!r}")

    def test_no_secret_shows(self) -> None:
        parser = self.make_parser(SECRETS)

        assert "kerfuffle" not in repr(parser)
        assert "kerfuffle" not in str(parser)

    def test_nothing_is_kept_between_two_requests(self) -> None:
        parser = self._parser()
        once = [_meaning(parser.parse(request, now=self.now)) for _, request in self._requests()]
        requests = [request for _, request in self._requests()] * 4

        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda request: self._read(parser, request), requests))

        assert together == once * 4

    def test_the_request_stays_as_it_was(self) -> None:
        parser = self._parser()
        for name, request in self._requests():
            before = evolve(request, headers=dict(request.headers))
            self._read(parser, request)
            assert request == before, name

    def _parser(self) -> ReceiptParser:
        return self.make_parser(SECRETS[:1])

    def _unsigned(self) -> Iterator[tuple[str, HttpRequest]]:
        paths = sorted(self.fixtures.glob("*.http"))
        assert paths, f"there is no file *.http in {self.fixtures}"
        return ((path.stem, read_fixture(path)) for path in paths)

    def _signed(self, request: HttpRequest) -> HttpRequest:
        return self.sign(request, SECRETS[0], self.now)

    def _requests(self) -> Iterator[tuple[str, HttpRequest]]:
        return ((name, self._signed(request)) for name, request in self._unsigned())

    def _read(self, parser: ReceiptParser, request: HttpRequest) -> list[Any]:
        parser.verify(request, now=self.now)
        return _meaning(parser.parse(request, now=self.now))

    def _is_refused(
        self, parser: ReceiptParser, request: HttpRequest, now: datetime | None = None
    ) -> bool:
        """Tell whether a request is refused; any other error than the declared one is a fault."""
        try:
            parser.verify(request, now=now or self.now)
        except ForgedRequestError as error:
            _check_text(error, request)
            return True
        except Exception as error:
            raise AssertionError(_wrong_error("verify", error, "ForgedRequestError")) from error
        return False

    def _check_altered(
        self,
        parser: ReceiptParser,
        request: HttpRequest,
        body: bytes,
        genuine: list[Any],
        place: str,
    ) -> None:
        altered = evolve(request, body=body)
        if not self._is_refused(parser, altered):
            assert self._read(parser, altered) == genuine, f"{place}: what was altered is believed"

    def _check_read(self, parser: ReceiptParser, unsigned: HttpRequest) -> None:
        """Let a parser read what its provider signed, whatever it is."""
        request = self._signed(unsigned)
        if self._is_refused(parser, request):
            return
        try:
            _checked(parser.parse(request, now=self.now))
        except (UnreadableRequestError, ConfigurationError) as error:
            _check_text(error, request)
        except AssertionError:
            raise
        except InvalidRequestError as error:
            raise AssertionError(
                f"parse returns receipts that the engine refuses: {error}; raise "
                "UnreadableRequestError for a body that cannot be read"
            ) from error
        except Exception as error:
            raise AssertionError(_wrong_error("parse", error, "UnreadableRequestError")) from error


def _wrong_error(method: str, error: Exception, right: str) -> str:
    kind = type(error).__name__
    return f"{method} raises {kind}: raise {right} instead, so that the request is answered rightly"


def _checked(receipts: Sequence[Receipt]) -> Sequence[Receipt]:
    """Return receipts that the engine accepts."""
    assert not isinstance(receipts, get_args(Receipt)), "parse returns a list"
    return as_receipts(receipts)


def _said(receipt: Receipt) -> dict[str, Any]:
    return {"kind": type(receipt).__name__, **dump(receipt)}


def _meaning(receipts: Sequence[Receipt]) -> list[Any]:
    """Return what receipts say, without the text of the provider."""
    return [_said(evolve(receipt, raw="")) for receipt in _checked(receipts)]


def _keys(receipts: Sequence[Receipt]) -> list[tuple[str, str]]:
    return [(receipt.source, key_of(receipt)) for receipt in _checked(receipts)]


def _check_text(error: Exception, request: HttpRequest) -> None:
    """Assert that an error tells no secret, and no number or address of the request."""
    text = f"{error} {error!r}"
    assert "kerfuffle" not in text, "an error shows the secret"
    private = set[str]()
    if _PRIVATE.search(text):  # reading the body for each of many errors takes minutes
        private = set(_PRIVATE.findall(request.body.decode("utf-8", "replace")))
    for value in private | {
        text for text in request.headers.values() if len(text) >= SIGNATURE_SIZE
    }:
        assert value not in text, "an error shows content, an address or a signature"
