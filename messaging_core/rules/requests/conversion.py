"""What a host may report about the effect of a message."""

from typing import Final

from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.interaction import Conversion

TYPES: Final = ("otp", "url", "promo_code")
FINAL_STATUSES: Final = (
    "converted",
    "canceled",
    "not_converted",
    "resent",
    "received_after_expiration",
)
TEMPORARY: Final = "incorrect_code"


def check_conversion(conversion: Conversion) -> list[Violation]:
    """Return what is wrong with a conversion, by the Bird Channels API's Conversions Sharing.

    An incorrect code is reported for the time being, and never of a URL.
    """
    violations: list[Violation] = []
    if conversion.type not in TYPES:
        message = f"a conversion is one of: {', '.join(TYPES)}"
        violations.append(Violation("/type", "conversion.unknown_type", message))
    statuses = FINAL_STATUSES if conversion.type == "url" else (*FINAL_STATUSES, TEMPORARY)
    if conversion.status not in statuses:
        message = f"its status is one of: {', '.join(statuses)}"
        violations.append(Violation("/status", "conversion.unknown_status", message))
    return violations
