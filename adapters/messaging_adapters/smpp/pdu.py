"""Protocol data units as values (SMPP 3.4 §3.2, §4); `codec` writes and reads them."""

from collections.abc import Mapping
from enum import Enum, IntEnum, auto
from types import MappingProxyType
from typing import Any, Final

from attrs import field, fields, frozen

from messaging_adapters.smpp.tlv import Tag, Tlv

MAX_SEQUENCE: Final = 0x7FFFFFFF  # §5.1.4
RESPONSE: Final = 0x80000000


class Command(IntEnum):
    """Operations, by `command_id` (§5.1.2.1); a response has the highest bit set."""

    BIND_RECEIVER = 0x01
    BIND_TRANSMITTER = 0x02
    QUERY_SM = 0x03
    SUBMIT_SM = 0x04
    DELIVER_SM = 0x05
    UNBIND = 0x06
    BIND_TRANSCEIVER = 0x09
    OUTBIND = 0x0B
    ENQUIRE_LINK = 0x15
    ALERT_NOTIFICATION = 0x0102
    DATA_SM = 0x0103
    GENERIC_NACK = 0x80000000
    BIND_RECEIVER_RESP = 0x80000001
    BIND_TRANSMITTER_RESP = 0x80000002
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM_RESP = 0x80000005
    UNBIND_RESP = 0x80000006
    BIND_TRANSCEIVER_RESP = 0x80000009
    ENQUIRE_LINK_RESP = 0x80000015
    DATA_SM_RESP = 0x80000103


class Status(IntEnum):
    """The values of `command_status` that this client sends or tests for (§5.1.3)."""

    OK = 0x00
    INVALID_LENGTH = 0x02
    INVALID_COMMAND = 0x03
    BIND_FAILED = 0x0D
    INVALID_PASSWORD = 0x0E
    INVALID_SYSTEM_ID = 0x0F
    TEMPORARY_APP_ERROR = 0x64
    INVALID_TLV_STREAM = 0xC0


class PduError(ValueError):
    """Bytes are no PDU that can be read.

    Attributes:
        status: What to answer.
        command: What was to be read, as far as that is known.
        sequence: Of the request to answer.
        is_fatal: The place of the next PDU is not known, so the connection is of no more use.
    """

    def __init__(
        self,
        reason: str,
        status: int,
        *,
        command: int = 0,
        sequence: int = 0,
        is_fatal: bool = False,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.command = command
        self.sequence = sequence
        self.is_fatal = is_fatal


class Kind(Enum):
    """How a field stands in a PDU (§3.1).

    Attributes:
        OCTET: A number of one octet.
        TEXT: Octets that end with NUL.
        COUNTED: Octets behind an octet with their number.
    """

    OCTET = auto()
    TEXT = auto()
    COUNTED = auto()


def _text(size: int) -> Any:
    """Return a field for a text of at most `size` octets, NUL included."""
    return field(default=b"", metadata={"kind": (Kind.TEXT, size - 1)}, repr=False)


def _octet() -> Any:
    return field(default=0, metadata={"kind": (Kind.OCTET, 1)})


@frozen(kw_only=True)
class Bind:
    """Log in (§4.1)."""

    system_id: bytes = _text(16)
    password: bytes = _text(9)
    system_type: bytes = _text(13)
    interface_version: int = _octet()
    addr_ton: int = _octet()
    addr_npi: int = _octet()
    address_range: bytes = _text(41)


@frozen(kw_only=True)
class BindAnswer:
    """The message centre's name (§4.1.2)."""

    system_id: bytes = _text(16)


@frozen(kw_only=True)
class ShortMessage:
    """A message to a mobile, or from it (`submit_sm` §4.4.1, `deliver_sm` §4.6.1)."""

    service_type: bytes = _text(6)
    source_addr_ton: int = _octet()
    source_addr_npi: int = _octet()
    source_addr: bytes = _text(21)
    dest_addr_ton: int = _octet()
    dest_addr_npi: int = _octet()
    destination_addr: bytes = _text(21)
    esm_class: int = _octet()
    protocol_id: int = _octet()
    priority_flag: int = _octet()
    schedule_delivery_time: bytes = _text(17)
    validity_period: bytes = _text(17)
    registered_delivery: int = _octet()
    replace_if_present_flag: int = _octet()
    data_coding: int = _octet()
    sm_default_msg_id: int = _octet()
    short_message: bytes = field(default=b"", metadata={"kind": (Kind.COUNTED, 254)}, repr=False)


@frozen(kw_only=True)
class DataMessage:
    """A message whose content is a parameter (`data_sm`, §4.7.1)."""

    service_type: bytes = _text(6)
    source_addr_ton: int = _octet()
    source_addr_npi: int = _octet()
    source_addr: bytes = _text(65)
    dest_addr_ton: int = _octet()
    dest_addr_npi: int = _octet()
    destination_addr: bytes = _text(65)
    esm_class: int = _octet()
    registered_delivery: int = _octet()
    data_coding: int = _octet()


@frozen(kw_only=True)
class MessageAnswer:
    """The message centre's id of a message (§4.4.2)."""

    message_id: bytes = _text(65)


@frozen(kw_only=True)
class Nothing:
    """The body of PDUs that have none."""


Body = Bind | BindAnswer | ShortMessage | DataMessage | MessageAnswer | Nothing

BODIES: Final[Mapping[int, type[Body]]] = MappingProxyType(
    {
        Command.BIND_RECEIVER: Bind,
        Command.BIND_TRANSMITTER: Bind,
        Command.BIND_TRANSCEIVER: Bind,
        Command.BIND_RECEIVER_RESP: BindAnswer,
        Command.BIND_TRANSMITTER_RESP: BindAnswer,
        Command.BIND_TRANSCEIVER_RESP: BindAnswer,
        Command.SUBMIT_SM: ShortMessage,
        Command.DELIVER_SM: ShortMessage,
        Command.SUBMIT_SM_RESP: MessageAnswer,
        Command.DELIVER_SM_RESP: MessageAnswer,
        Command.DATA_SM: DataMessage,
        Command.DATA_SM_RESP: MessageAnswer,
        Command.ENQUIRE_LINK: Nothing,
        Command.ENQUIRE_LINK_RESP: Nothing,
        Command.UNBIND: Nothing,
        Command.UNBIND_RESP: Nothing,
        Command.GENERIC_NACK: Nothing,
    }
)


LAYOUTS: Final[Mapping[type[Body], tuple[tuple[str, Kind, int], ...]]] = MappingProxyType(
    {
        body: tuple([(column.name, *column.metadata["kind"]) for column in fields(body)])
        for body in BODIES.values()
    }
)
"""Name, kind and longest length of each field of a body, in their order."""


@frozen(kw_only=True)
class Pdu:
    """One request or response.

    Attributes:
        command: `command_id`.
        status: `command_status`; 0 in requests.
        sequence: `sequence_number`, by which a response finds its request.
        body: The fields that every PDU of this kind has; of an unknown command none.
        tlvs: The optional parameters, in their order.
    """

    command: int
    status: int = 0
    sequence: int = 0
    body: Body = field(factory=Nothing)
    tlvs: tuple[Tlv, ...] = field(default=(), repr=False)

    @property
    def is_response(self) -> bool:
        """Say whether it answers a request."""
        return bool(self.command & RESPONSE)

    @property
    def is_known(self) -> bool:
        """Say whether its fields could be read."""
        return self.command in BODIES

    def tlv(self, tag: int) -> bytes | None:
        """Return the value of the first parameter with a tag."""
        return next((tlv.value for tlv in self.tlvs if tlv.tag == tag), None)

    def number(self, tag: int) -> int | None:
        """Return the number in a parameter; nothing where there is none."""
        value = self.tlv(tag)
        return int.from_bytes(value) if value else None

    @property
    def content(self) -> bytes:
        """Return the message, wherever it stands; with its user data header."""
        text = self.body.short_message if isinstance(self.body, ShortMessage) else b""
        return text or self.tlv(Tag.MESSAGE_PAYLOAD) or b""

    def answer(self, status: int = Status.OK) -> "Pdu":
        """Return the response to this request."""
        body = BODIES.get(self.command | RESPONSE, Nothing)
        return Pdu(
            command=self.command | RESPONSE, status=status, sequence=self.sequence, body=body()
        )
