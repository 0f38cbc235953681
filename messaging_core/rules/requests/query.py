"""What a listing may ask for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from messaging_core.models.common.instants import in_utc
from messaging_core.models.common.page import MAX_LIMIT
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Status
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.people.directory import (
    ContactListQuery,
    ContactQuery,
    SuppressionQuery,
)
from messaging_core.rules.addressing.channel import PLATFORM
from messaging_core.rules.content.headers import MAX_LINE_LENGTH

MAX_PAGE_TOKEN_LENGTH: Final = 8000
MAX_VALUES: Final = 1000
"""Most values of one filter; ours, so that a listing stays one statement to the database."""

_SEVERAL: Final = {
    "platform": "platform",
    "id": "id",
    "channel_id": "channelId",
    "sender": "from",
    "receiver": "to",
    "failure_code": "failureCode",
    "failure_source_code": "failureSourceCode",
    "failure_source_name": "failureSourceName",
    "country_code": "countryCode",
    "tag": "tag",
    "status": "status",
    "reference": "reference",
}


def check_query(query: MessageQuery) -> list[Violation]:
    """Hold a listing to the Bird Channels API, rule 37.

    `startAt` is not after `endAt`, both have an offset from UTC, and no filter has more than
    1000 values (these three are ours). A status is checked too, because a query takes texts.
    """
    violations = check_page(query.limit, query.page_token, of="messages")
    for field, name in _SEVERAL.items():
        violations += _check_number(getattr(query, field), f"/{name}")
    violations += _check_values(query)
    violations += _check_period(query.start_at, query.end_at)
    if query.email_subject is not None and len(query.email_subject) > MAX_LINE_LENGTH:
        message = f"no subject has more than {MAX_LINE_LENGTH} characters"
        violations.append(Violation("/emailSubject", "query.subject_too_long", message))
    return violations


def check_listing(query: ContactQuery | ContactListQuery | SuppressionQuery) -> list[Violation]:
    """Refuse a listing whose page has a wrong size or a wrong token."""
    return check_page(query.limit, query.page_token)


def check_page(limit: int, page_token: str | None, *, of: str = "results") -> list[Violation]:
    """Refuse pages of no size, or of more than 1000, and tokens that no listing gives out.

    Args:
        limit: How many a page is to have.
        page_token: Where it begins.
        of: What is listed, for people.
    """
    violations = []
    if not 1 <= limit <= MAX_LIMIT:
        message = f"a page has 1 to {MAX_LIMIT} {of}, not {limit}"
        violations.append(Violation("/limit", "query.bad_limit", message))
    if page_token is not None and len(page_token) > MAX_PAGE_TOKEN_LENGTH:
        message = f"a page token has at most {MAX_PAGE_TOKEN_LENGTH} characters"
        violations.append(Violation("/pageToken", "query.page_token_too_long", message))
    return violations


def _check_number(values: Sequence[object], path: str) -> list[Violation]:
    if len(values) <= MAX_VALUES:
        return []
    message = f"at most {MAX_VALUES} values, not {len(values)}"
    return [Violation(path, "query.too_many_values", message)]


def check_platforms(platforms: Sequence[str]) -> list[Violation]:
    """Return what is wrong with the names of platforms in a query."""
    message = "a platform is 3 to 60 letters, digits and hyphens"
    return [
        Violation(f"/platform/{index}", "query.bad_platform", message)
        for index, platform in enumerate(platforms[:MAX_VALUES])
        if not PLATFORM.fullmatch(platform)
    ]


def _check_values(query: MessageQuery) -> list[Violation]:
    violations = check_platforms(query.platform)
    for index, status in enumerate(query.status[:MAX_VALUES]):
        if not isinstance(status, Status):
            message = f"one of {', '.join(Status)}"
            violations.append(Violation(f"/status/{index}", "query.bad_status", message))
    return violations


def _check_period(start: datetime | None, end: datetime | None) -> list[Violation]:
    message = "the instant has no offset from UTC: end it in Z or, say, +01:00"
    violations = [
        Violation(path, "query.no_offset", message)
        for path, instant in (("/startAt", start), ("/endAt", end))
        if instant is not None and instant.utcoffset() is None
    ]
    if not violations and start is not None and end is not None and in_utc(start) > in_utc(end):
        message = "startAt is not after endAt"
        violations.append(Violation("/startAt", "query.start_after_end", message))
    return violations
