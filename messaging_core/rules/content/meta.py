"""What a message may say about its origin and purpose."""

from typing import Final

from messaging_core.models.common.violation import Violation
from messaging_core.models.content.meta import EmailMeta, Meta, PushNotificationsMeta
from messaging_core.rules.addressing.sender import check_email_from
from messaging_core.rules.content.headers import check_headers, check_subject

GATEWAYS: Final = ("apns", "firebase", "web")
MARKETING: Final = "marketing"


def check_meta(meta: Meta, path: str) -> list[Violation]:
    """Hold meta information to the Bird Channels API, rule 30.

    Only what the engine acts upon is checked; campaigns, orders and referrals are the caller's
    own facts. That ids are UUIDs and no key is unknown is checked when the JSON is read.
    """
    violations: list[Violation] = []
    if meta.email is not None:
        violations += _check_email(meta.email, f"{path}/email")
    if meta.push_notifications is not None:
        violations += _check_push(meta.push_notifications, f"{path}/pushNotifications")
    return violations


def check_cap_frequency(meta: Meta | None, path: str) -> list[Violation]:
    """Refuse a frequency cap on what is no marketing message (Bird Channels API, rule 26).

    The rule also asks for a contact as receiver, which every receiver of a request is.
    """
    if meta is not None and (meta.extra_information or {}).get("useCase") == MARKETING:
        return []
    message = f'only where meta.extraInformation.useCase is "{MARKETING}"'
    return [Violation(path, "cap_frequency.not_marketing", message)]


def _check_email(email: EmailMeta, path: str) -> list[Violation]:
    violations = [] if email.subject is None else check_subject(email.subject, f"{path}/subject")
    if email.headers is not None:
        violations += check_headers(email.headers, f"{path}/headers")
    if email.sender is not None:
        violations += check_email_from(email.sender, f"{path}/from")
    return violations


def _check_push(push: PushNotificationsMeta, path: str) -> list[Violation]:
    violations: list[Violation] = []
    gateway = push.gateway_type_override
    if gateway is not None and gateway not in GATEWAYS:
        message = f"one of {', '.join(GATEWAYS)}"
        violations.append(Violation(f"{path}/gatewayTypeOverride", "meta.bad_gateway", message))
    if push.subtitle is not None:
        violations += check_subject(push.subtitle, f"{path}/subtitle")
    return violations
