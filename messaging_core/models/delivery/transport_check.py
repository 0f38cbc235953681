"""Whether a transport could send, found out without sending anything."""

from enum import StrEnum

from messaging_core.lazy import frozen
from messaging_core.models.common.failure import Failure


class CheckStatus(StrEnum):
    """Say how a check of a transport ended.

    Attributes:
        OK: The provider answers and knows the credentials.
        BAD_CREDENTIALS: It answers and refuses the credentials: correct them.
        BAD_SETUP: Something else of the set-up is wrong, such as a host name, a certificate that
            is not trusted, or an account that may not send.
        UNREACHABLE: It does not answer, or says that it cannot at present: try again later.
        UNKNOWN: There is nothing to ask it without sending.
    """

    OK = "ok"
    BAD_CREDENTIALS = "bad_credentials"
    BAD_SETUP = "bad_setup"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


@frozen(kw_only=True)
class TransportCheck:
    """What a transport found out about its provider.

    Attributes:
        failure: Why it is not `ok`.
    """

    status: CheckStatus
    failure: Failure | None = None
