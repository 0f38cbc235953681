"""The tests of an adapter that a command line names.

pytest collects this module: `put_in` puts the test classes into it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import pytest

from messaging_core.errors import ConfigurationError
from messaging_core.ports.media import MediaSource
from messaging_core.ports.transport import Transport
from messaging_core.testing.contracts.audience import AudienceContract
from messaging_core.testing.contracts.files import FilesContract
from messaging_core.testing.contracts.media import MediaContract
from messaging_core.testing.contracts.media_store import MediaStoreContract
from messaging_core.testing.contracts.receipt_parser import ReceiptParserContract
from messaging_core.testing.contracts.storage import StorageContract
from messaging_core.testing.contracts.telemetry import TelemetryContract
from messaging_core.testing.contracts.template_engine import TemplateEngineContract
from messaging_core.testing.contracts.transport import CONTENTS, TransportContract
from messaging_core.testing.contracts.transport.contract import close
from messaging_core.testing.object_path import load_object
from messaging_core.testing.promises import Promises
from messaging_core.testing.storage_conformance import storage_tests

Tests = dict[str, type]
"""Test classes by name."""


def _storage(factory: str, **options: Any) -> Tests:
    """Return the tests of a storage; see `storage_tests` for the options."""
    made = load_object(factory)
    if _is_contract(made, StorageContract):
        return {"TestStorage": made}
    return storage_tests(factory, **options)


def _transport(factory: str, *, delivered: str | None, platform: str) -> Tests:
    """Return the tests of a transport.

    Args:
        factory: `package.module:name` of a class that inherits `TransportContract`,
            `PeerContract` or `HttpPeerContract`; or of what returns a transport whose peer takes
            every message.
        delivered: `package.module:name` of what says, of such a transport, what its peer has
            taken: a text with the receiver and the text of each message, or their number.
        platform: What it carries: one message of that platform's kind.

    Raises:
        ConfigurationError: Something named does not exist.
    """
    made = load_object(factory)
    if _is_contract(made, TransportContract):
        return {"TestTransport": made}
    if delivered is None:
        raise ConfigurationError(
            "give --delivered, or name a class that inherits TransportContract: only its peer "
            "knows what arrived"
        )
    contents = [content for kind, content in CONTENTS if kind == platform]
    if not contents:
        raise ConfigurationError(f"there is no message for platform {platform!r}")
    members = {"factory": staticmethod(made), "taken": staticmethod(load_object(delivered))}
    test = type("TestTransport", (_SentTo,), members)
    setattr(test, "platform", platform)  # noqa: B010 - mypy
    setattr(test, "content", contents[0])  # noqa: B010 - mypy
    return {"TestTransport": test}


class _SentTo(TransportContract):
    """A transport whose peer says what it has taken."""

    factory: Callable[[], Transport]
    taken: Callable[[Transport], int | Sequence[str | bytes]]

    @pytest.fixture(autouse=True)
    def _none_yet(self) -> Iterator[None]:
        self.made: list[Transport] = []
        yield
        for transport in self.made:
            close(transport)

    def make_transport(self) -> Transport:
        self.made.append(type(self).factory())
        return self.made[-1]

    def received(self) -> Sequence[str | bytes]:
        answers = [type(self).taken(transport) for transport in self.made]
        lists = [answer for answer in answers if not isinstance(answer, int)]
        if len(lists) < len(answers):
            return super().received()  # which says what is missing
        return [item for answer in lists for item in answer]

    def delivered(self) -> int:
        answers = [type(self).taken(transport) for transport in self.made]
        return sum(answer if isinstance(answer, int) else len(answer) for answer in answers)


def _media(factory: str, *, base_url: str | None) -> Tests:
    """Return the tests of a media source; what makes it gets a mapping of names to bytes.

    Args:
        factory: `package.module:name`.
        base_url: What the URLs of those files begin with.

    Raises:
        ConfigurationError: Something named does not exist, or the URL is missing.
    """
    made = load_object(factory)
    if _is_contract(made, MediaContract):
        return {"TestMedia": made}
    if base_url is None:
        raise ConfigurationError("give --base-url, or name a class that inherits MediaContract")
    base = base_url.rstrip("/") + "/"

    class Test(MediaContract):
        def make_source(self, files: Mapping[str, bytes]) -> MediaSource:
            source: MediaSource = made(files)
            return source

        def url_of(self, name: str) -> str:
            return base + quote(name)

    return {"TestMedia": Test}


def _made(contract: type, make: str, name: str) -> Callable[[str], Tests]:
    """Return what returns the tests of an adapter, by what makes it or a class of its tests.

    Args:
        contract: What the tests inherit.
        make: The method of the contract that makes an adapter, and gives what that needs.
        name: Of the test class.
    """

    def tests(factory: str) -> Tests:
        made = load_object(factory)
        if _is_contract(made, contract):
            return {name: made}
        return {name: type(name, (contract,), {make: staticmethod(made)})}

    return tests


def _receipt_parser(factory: str) -> Tests:
    """Return the tests of a receipt parser by a class that inherits its contract.

    Raises:
        ConfigurationError: It is no such class.
    """
    made = load_object(factory)
    if not _is_contract(made, ReceiptParserContract):
        raise ConfigurationError(
            f"{factory} is no class that inherits ReceiptParserContract: only that says how its "
            "provider signs"
        )
    return {"TestReceiptParser": made}


def _is_contract(made: Any, contract: type) -> bool:
    return isinstance(made, type) and issubclass(made, contract)


_KINDS: Final[Mapping[str, Callable[..., Tests]]] = {
    "storage": _storage,
    "transport": _transport,
    "media": _media,
    "media-store": _made(MediaStoreContract, "make_store", "TestMediaStore"),
    "files": _made(FilesContract, "make_files", "TestFiles"),
    "template-engine": _made(TemplateEngineContract, "make_engine", "TestTemplateEngine"),
    "audience": _made(AudienceContract, "make_audience", "TestAudience"),
    "telemetry": _made(TelemetryContract, "make_telemetry", "TestTelemetry"),
    "receipt-parser": _receipt_parser,
}


def put_in(what: str, promises: Promises, factory: str, **options: Any) -> None:
    """Put the tests of an adapter into this module.

    Args:
        what: The kind of adapter.
        promises: Watches the tests.
        factory: `package.module:name`.
        options: Those of the kind.

    Raises:
        ConfigurationError: Something named does not exist, or does not fit.
    """
    for name, test in _KINDS[what](factory, **options).items():
        globals()[name] = type(name, (promises.watched(test),), {"__module__": __name__})
