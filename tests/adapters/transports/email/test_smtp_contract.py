from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.testing.contracts.transport import PeerContract


class TestSmtpTransport(PeerContract):
    ignored_loggers = ("mail.log",)  # that of the server
    options: Mapping[str, Any] = {}

    @pytest.fixture(autouse=True)
    def _peers(
        self,
        start: Callable[..., Any],
        scripted: Callable[..., Any],
        free_port: int,
        closing: ExitStack,
    ) -> Iterator[None]:
        self.server, self.scripted = start(), scripted
        self.free_port, self.closing = free_port, closing
        yield
        closing.close()

    def connected_to(self, port: int, **options: Any) -> SmtpTransport:
        transport = SmtpTransport("127.0.0.1", port, security="none", **{**self.options, **options})
        return self.closing.enter_context(transport)

    def make_transport(self) -> SmtpTransport:
        return self.connected_to(self.server.port)

    def received(self) -> list[str]:
        return [
            f"{envelope.rcpt_tos} {envelope.original_content.decode()}"
            for envelope in self.server.envelopes
        ]

    def make_rejected(self) -> SmtpTransport:
        answer = "550 5.7.1 <kerfuffle@receiver.example>: not\there"
        return self.connected_to(self.scripted({".": answer}).port)

    def make_unreachable(self) -> SmtpTransport:
        return self.connected_to(self.free_port)

    def make_silent(self) -> SmtpTransport:
        port = self.scripted({".": "sleep 2"}).port
        return self.connected_to(port, data_timeout=timedelta(seconds=0.2))

    def make_reset(self) -> SmtpTransport:
        return self.connected_to(self.scripted({".": ""}).port)

    def make_busy(self) -> SmtpTransport:
        return self.connected_to(self.scripted({".": "451 4.3.0 busy"}).port)

    def make_partly_rejected(self, address: str) -> SmtpTransport:
        answers = [f"550 5.1.1 <{address}>: no such user", "250 2.1.5 Ok"]
        return self.connected_to(self.scripted({"RCPT": answers}).port)


class TestSmtpTransportWithEverything(TestSmtpTransport):
    options: Mapping[str, Any] = {
        "return_path": "bounces@sender.example",
        "return_path_secret": "kerfuffle-of-the-return-path",
        "notify": ("success", "failure", "delay"),
        "returned": "full",
        "dkim_domain": "sender.example",
        "dkim_selector": "mail2026",
        "dkim_key": rsa.generate_private_key(public_exponent=65537, key_size=2048)
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
    }
