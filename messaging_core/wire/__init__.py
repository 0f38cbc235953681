"""JSON as the Bird Channels API writes it, read into models with every violation at once."""

from messaging_core.wire.codec.registry import converter
from messaging_core.wire.documents import (
    Json,
    canonical_bytes,
    dump,
    dump_contact,
    dump_interaction,
    dump_message,
    dump_page,
    dump_send_message,
    dump_stored,
    encode,
    encode_stored,
    load,
    load_contact,
    load_interaction,
    load_message,
    load_page,
    parse_send_message,
)
from messaging_core.wire.parsing.limits import DOCUMENT_LIMITS, REQUEST_LIMITS, WireLimits

__all__ = [
    "DOCUMENT_LIMITS",
    "REQUEST_LIMITS",
    "Json",
    "WireLimits",
    "canonical_bytes",
    "converter",
    "dump",
    "dump_contact",
    "dump_interaction",
    "dump_message",
    "dump_page",
    "dump_send_message",
    "dump_stored",
    "encode",
    "encode_stored",
    "load",
    "load_contact",
    "load_interaction",
    "load_message",
    "load_page",
    "parse_send_message",
]
