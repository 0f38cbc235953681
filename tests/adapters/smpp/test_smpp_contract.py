from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core.models.common.channel import SMS
from messaging_core.testing.contracts.transport import CONTENTS, PeerContract

BRIEF = {"response_timeout": timedelta(seconds=0.3), "timeout": timedelta(seconds=1)}


class TestSmppTransport(PeerContract):
    platform = SMS
    content = CONTENTS[1][1]
    secrets = ("hush4711",)

    @pytest.fixture(autouse=True)
    def _peers(
        self,
        start_centre: Callable[..., Any],
        connect: Callable[..., SmppTransport],
        free_port: int,
    ) -> None:
        self.connect, self.free_port = connect, free_port
        self.centre = start_centre(password="hush4711", receipts=False)

    def connected(self, **options: Any) -> SmppTransport:
        return self.connect(self.centre, password="hush4711", **options)

    def make_transport(self) -> SmppTransport:
        return self.connected()

    def received(self) -> list[str]:
        taken = self.centre.of("accepted")
        messages = self.centre.of("submit_sm")[: len(taken)]
        return [f"{message['destination']} {message['text']}" for message in messages]

    def attempts(self) -> int:
        return len(self.centre.of("submit_sm"))

    def make_rejected(self) -> SmppTransport:
        self.centre.set(mode="status", status=0x0B)
        return self.connected()

    def make_unreachable(self) -> SmppTransport:
        return self.connect(self.free_port)

    def make_silent(self) -> SmppTransport:
        self.centre.set(mode="silent")
        return self.connected(**BRIEF)

    def make_reset(self) -> SmppTransport:
        self.centre.set(mode="drop")
        return self.connected()

    def make_busy(self) -> SmppTransport:
        self.centre.set(mode="status", status=0x14)
        return self.connected()
