"""The contract of transports: tests that the tests of every transport inherit."""

from messaging_core.testing.contracts.transport.contract import TransportContract
from messaging_core.testing.contracts.transport.envelopes import CONTENTS, MARK, an_envelope
from messaging_core.testing.contracts.transport.handoff import Leave
from messaging_core.testing.contracts.transport.http import HttpPeerContract
from messaging_core.testing.contracts.transport.outcomes import check_outcome
from messaging_core.testing.contracts.transport.peer import PeerContract

__all__ = [
    "CONTENTS",
    "MARK",
    "HttpPeerContract",
    "Leave",
    "PeerContract",
    "TransportContract",
    "an_envelope",
    "check_outcome",
]
