"""What tests of a host, and of its own storages and transports, are made with."""

import sys
from typing import TYPE_CHECKING

if pytest := sys.modules.get("pytest"):  # so that a contract that fails shows what it compared
    pytest.register_assert_rewrite("messaging_core.testing.contracts")

from messaging_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from messaging_core.testing.builders import (
        a_channel,
        a_claim,
        a_contact,
        a_contact_list,
        a_delivery,
        a_failure,
        a_kept_receipt,
        a_message,
        a_new_message,
        a_receipt,
        a_request,
        a_settlement,
        a_subject,
        a_suppression,
        an_event,
        an_incoming_message,
    )
    from messaging_core.testing.clock import MONDAY_MORNING, ManualClock
    from messaging_core.testing.contracts.audience import AudienceContract
    from messaging_core.testing.contracts.direct_media_store import DirectMediaStoreContract
    from messaging_core.testing.contracts.files import FilesContract
    from messaging_core.testing.contracts.http_client import HttpClientContract
    from messaging_core.testing.contracts.media import MediaContract
    from messaging_core.testing.contracts.media_store import MediaStoreContract
    from messaging_core.testing.contracts.receipt_parser import ReceiptParserContract
    from messaging_core.testing.contracts.storage import DurableStorageContract, StorageContract
    from messaging_core.testing.contracts.telemetry import TelemetryContract
    from messaging_core.testing.contracts.template_engine import TemplateEngineContract
    from messaging_core.testing.contracts.transport import (
        HttpPeerContract,
        PeerContract,
        TransportContract,
    )
    from messaging_core.testing.http_peer import HttpPeer, Misbehaviour
    from messaging_core.testing.recording import BeforeHandoff, RecordingTransport

__all__ = [
    "MONDAY_MORNING",
    "AudienceContract",
    "BeforeHandoff",
    "DirectMediaStoreContract",
    "DurableStorageContract",
    "FilesContract",
    "HttpClientContract",
    "HttpPeer",
    "HttpPeerContract",
    "ManualClock",
    "MediaContract",
    "MediaStoreContract",
    "Misbehaviour",
    "PeerContract",
    "ReceiptParserContract",
    "RecordingTransport",
    "StorageContract",
    "TelemetryContract",
    "TemplateEngineContract",
    "TransportContract",
    "a_channel",
    "a_claim",
    "a_contact",
    "a_contact_list",
    "a_delivery",
    "a_failure",
    "a_kept_receipt",
    "a_message",
    "a_new_message",
    "a_receipt",
    "a_request",
    "a_settlement",
    "a_subject",
    "a_suppression",
    "an_event",
    "an_incoming_message",
]

_NAMES = {
    "clock": "MONDAY_MORNING ManualClock",
    "contracts.audience": "AudienceContract",
    "contracts.direct_media_store": "DirectMediaStoreContract",
    "contracts.files": "FilesContract",
    "contracts.http_client": "HttpClientContract",
    "contracts.media": "MediaContract",
    "contracts.media_store": "MediaStoreContract",
    "contracts.receipt_parser": "ReceiptParserContract",
    "contracts.storage": "DurableStorageContract StorageContract",
    "contracts.telemetry": "TelemetryContract",
    "contracts.template_engine": "TemplateEngineContract",
    "contracts.transport": "HttpPeerContract PeerContract TransportContract",
    "http_peer": "HttpPeer Misbehaviour",
    "recording": "BeforeHandoff RecordingTransport",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}

# What is not in the table is one of the builders.
__getattr__, __dir__ = lazy_names(
    __name__, {name: _HOMES.get(name, "builders") for name in __all__}
)
