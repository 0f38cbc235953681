from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core.models.common.channel import SMS
from messaging_core.testing.contracts.transport import CONTENTS, PeerContract


class TestSmppTransport(PeerContract):
    platform = SMS
    content = CONTENTS[1][1]

    @pytest.fixture(autouse=True)
    def _peers(
        self,
        start_centre: Callable[..., Any],
        connect: Callable[..., SmppTransport],
        free_port: int,
    ) -> None:
        self.start_centre, self.connect = start_centre, connect
        self.centre, self.free_port = start_centre(), free_port

    def make_transport(self) -> SmppTransport:
        return self.connect(self.centre)

    def delivered(self) -> int:
        return int(self.centre.accepted())

    def make_rejected(self) -> SmppTransport:
        self.centre.set(mode="status", status=0x0B)
        return self.connect(self.centre)

    def make_unreachable(self) -> SmppTransport:
        return self.connect(self.free_port)

    def make_silent(self) -> SmppTransport:
        self.centre.set(mode="silent")
        options = {"response_timeout": timedelta(seconds=0.3), "timeout": timedelta(seconds=1)}
        return self.connect(self.centre, **options)
