"""Meta information."""

from typing import Any

import pytest

from messaging_core.models import CampaignMeta, EmailFrom, EmailMeta, Meta, PushNotificationsMeta
from messaging_core.rules.content.meta import check_cap_frequency, check_meta


def a_push_meta(gateway: str | None) -> Meta:
    return Meta(push_notifications=PushNotificationsMeta(gateway_type_override=gateway))


@pytest.mark.parametrize(
    "meta",
    [
        Meta(),
        Meta(campaign=CampaignMeta(name="spring"), extra_information={"anything": [1, None]}),
        Meta(email=EmailMeta()),
        Meta(email=EmailMeta(subject="Hi", headers={"X-A": "b"}, sender=EmailFrom(username="a"))),
        *(a_push_meta(gateway) for gateway in ("apns", "firebase", "web", None)),
    ],
)
def test_rule_30_meta_information_is_accepted(meta: Meta) -> None:
    assert check_meta(meta, "/meta") == []


@pytest.mark.parametrize(
    ("meta", "path", "code"),
    [
        (a_push_meta("gcm"), "pushNotifications/gatewayTypeOverride", "meta.bad_gateway"),
        (a_push_meta("APNS"), "pushNotifications/gatewayTypeOverride", "meta.bad_gateway"),
        (Meta(email=EmailMeta(subject="a\nb")), "email/subject", "text.control_character"),
        (Meta(email=EmailMeta(headers={"To": "x"})), "email/headers/To", "header.reserved"),
        (
            Meta(email=EmailMeta(sender=EmailFrom(username="a@b"))),
            "email/from/username",
            "sender.bad_user_name",
        ),
    ],
)
def test_rule_30_any_other_is_refused(meta: Meta, path: str, code: str) -> None:
    assert [(v.path, v.code) for v in check_meta(meta, "/meta")] == [(f"/meta/{path}", code)]


def test_rule_26_marketing_may_be_capped() -> None:
    meta = Meta(extra_information={"useCase": "marketing"})

    assert check_cap_frequency(meta, "/capFrequency") == []


@pytest.mark.parametrize(
    "extra", [None, {}, {"useCase": "transactional"}, {"useCase": ["marketing"]}]
)
def test_rule_26_nothing_else_may_be_capped(extra: dict[str, Any] | None) -> None:
    for meta in (None, Meta(extra_information=extra)):
        violations = check_cap_frequency(meta, "/capFrequency")

        assert [(v.path, v.code) for v in violations] == [
            ("/capFrequency", "cap_frequency.not_marketing")
        ]
