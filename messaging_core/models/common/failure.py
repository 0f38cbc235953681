"""Why a message did not arrive, with the codes of the engine and of the provider."""

from enum import IntEnum, StrEnum

from attrs import field

from messaging_core.lazy import frozen


class Retry(StrEnum):
    """What to do about a failure."""

    TRANSIENT = "transient"
    THROTTLED = "throttled"
    PERMANENT = "permanent"
    RECIPIENT_GONE = "recipient_gone"
    CONFIGURATION = "configuration"
    AMBIGUOUS = "ambiguous"


class FailureCode(IntEnum):
    """The class of a failure, independent of the platform.

    The ranges are the Bird Channels API's: 11xxx validation, 12xxx service, 14xxx customer,
    15xxx platform. Its published codes keep their numbers (11001, 11002, 12001-12003, 15001,
    15005); the others are ours.
    """

    INVALID_CHANNEL_CONFIGURATION = 11001
    INVALID_INPUT = 11002
    INVALID_RECEIVER = 11003
    INVALID_CONTENT = 11004
    INVALID_SENDER = 11005
    DEPENDENCY_ERROR = 12001
    UNSUPPORTED_TYPE = 12002
    UNSUPPORTED_DESTINATION = 12003
    EXPIRED = 12004
    IN_DOUBT = 12005
    POISONED = 12006
    NOT_CONFIGURED = 14001
    SUPPRESSED = 14002
    FREQUENCY_CAPPED = 14003
    TRANSIENT = 15001
    REFUSED = 15002
    THROTTLED = 15003
    UNREACHABLE = 15004
    UNKNOWN_RECEIVER = 15005


@frozen(kw_only=True)
class FailureSource:
    """The step that failed, and its own code as text."""

    code: str = ""
    name: str = ""


@frozen(kw_only=True)
class Failure:
    """Why an attempt or a message failed.

    Attributes:
        code: One of `FailureCode`, or the host's own number in its ranges.
        description: Short text without addresses or content.
        source: The provider's own name and code.
        retry: What to do about it; stored, but not shown on the wire.
    """

    code: int
    description: str = ""
    source: FailureSource | None = None
    retry: Retry = field(default=Retry.PERMANENT, metadata={"stored_only": True})

    @property
    def name(self) -> str:
        """Return the name of the code in small letters; of a host's own number the number."""
        try:
            return FailureCode(self.code).name.lower()
        except ValueError:
            return str(self.code)
