"""What a request becomes that breaks rules."""

import pytest

from messaging_core.decisions.acceptance.rejection import curtailed, failure_code, rejected
from messaging_core.models.common.failure import FailureCode
from messaging_core.models.common.violation import Violation
from messaging_core.models.messages.message import Status
from messaging_core.testing import a_message, a_request


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("/body/type", "body.unsupported_on_platform", FailureCode.INVALID_CHANNEL_CONFIGURATION),
        ("", "channel.inactive", FailureCode.INVALID_CHANNEL_CONFIGURATION),
        ("/receiver", "receiver.too_many", FailureCode.INVALID_CHANNEL_CONFIGURATION),
        ("/x", "receiver.empty", FailureCode.INVALID_RECEIVER),
        ("/body", "sender.invalid", FailureCode.INVALID_SENDER),
        ("/body/text", "wire.unknown_key", FailureCode.INVALID_INPUT),
        ("/receiver/contacts/0", "text.empty", FailureCode.INVALID_RECEIVER),
        ("/sender/connector", "text.empty", FailureCode.INVALID_SENDER),
        ("/body/text/text", "text.empty", FailureCode.INVALID_CONTENT),
        ("/template/name", "text.empty", FailureCode.INVALID_CONTENT),
        ("/reference", "text.too_long", FailureCode.INVALID_INPUT),
        ("", "message.no_content", FailureCode.INVALID_INPUT),
    ],
)
def test_a_violation_has_the_published_code_of_its_kind(
    path: str, code: str, expected: FailureCode
) -> None:
    assert failure_code(Violation(path, code, "")) is expected


def test_all_violations_are_named_and_the_first_decides() -> None:
    wrong = [Violation("/body", "text.empty", "write some"), Violation("", "tags.many", "fewer")]

    message = rejected(a_message(), wrong)

    assert (message.status, message.details) == (Status.REJECTED, "text.empty")
    assert message.reason == "/body: write some [text.empty]\n/: fewer [tags.many]"
    assert message.failure is not None
    assert message.failure.code == FailureCode.INVALID_CONTENT
    assert message.failure.description == "write some"


def test_a_violation_stays_on_one_line() -> None:
    message = rejected(a_message(), [Violation("/tags/a\nb", "tags.bad", "not é\t")])

    assert message.reason == r"/tags/a\nb: not é\t [tags.bad]"


@pytest.mark.parametrize(("length", "shown"), [(500, "x" * 500), (501, "x" * 500 + "…")])
def test_a_path_is_kept_up_to_500_characters(length: int, shown: str) -> None:
    message = rejected(a_message(), [Violation("x" * length, "a.b", "c")])

    assert message.reason == f"{shown}: c [a.b]"


def test_no_more_is_kept_than_a_message_may_have() -> None:
    request = a_request(
        to=[f"a{number}@b.example" for number in range(151)],
        tags=tuple(f"t{number}" for number in range(11)),
    )

    short = curtailed(request)

    assert (len(short.receiver.contacts), len(short.tags)) == (150, 10)
