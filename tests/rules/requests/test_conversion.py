"""What may be reported about the effect of a message."""

import pytest

from messaging_core.models.delivery.interaction import Conversion
from messaging_core.rules.requests.conversion import check_conversion

OF_ALL = ["converted", "canceled", "not_converted", "resent", "received_after_expiration"]


@pytest.mark.parametrize("status", [*OF_ALL, "incorrect_code"])
@pytest.mark.parametrize("kind", ["otp", "promo_code"])
def test_a_code_has_every_status(kind: str, status: str) -> None:
    assert check_conversion(Conversion(type=kind, status=status)) == []


@pytest.mark.parametrize("status", OF_ALL)
def test_a_url_has_every_final_status(status: str) -> None:
    assert check_conversion(Conversion(type="url", status=status)) == []


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("url", "incorrect_code", [("/status", "conversion.unknown_status")]),
        ("otp", "lost", [("/status", "conversion.unknown_status")]),
        ("email", "converted", [("/type", "conversion.unknown_type")]),
        (
            "email",
            "lost",
            [("/type", "conversion.unknown_type"), ("/status", "conversion.unknown_status")],
        ),
    ],
)
def test_anything_else_is_refused(kind: str, status: str, expected: list[tuple[str, str]]) -> None:
    violations = check_conversion(Conversion(type=kind, status=status))

    assert [(violation.path, violation.code) for violation in violations] == expected
