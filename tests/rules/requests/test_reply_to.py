"""Answers."""

import pytest

from messaging_core.models import ReplyTo
from messaging_core.rules.requests.reply_to import check_reply_to


@pytest.mark.parametrize("kind", ["message", "click", "referrals"])
def test_rule_28_an_answer_names_what_it_answers(kind: str) -> None:
    assert check_reply_to(ReplyTo(id="0b5f", type=kind), "/replyTo") == []


@pytest.mark.parametrize(
    ("reply_to", "path", "code"),
    [
        (ReplyTo(id="", type="message"), "/replyTo/id", "text.empty"),
        (ReplyTo(id="a\nb", type="message"), "/replyTo/id", "text.control_character"),
        (ReplyTo(id="a" * 501, type="message"), "/replyTo/id", "text.too_long"),
        (ReplyTo(id="a", type="Message"), "/replyTo/type", "reply_to.bad_type"),
        (ReplyTo(id="a", type=""), "/replyTo/type", "reply_to.bad_type"),
    ],
)
def test_rule_28_any_other_answer_is_refused(reply_to: ReplyTo, path: str, code: str) -> None:
    assert [(v.path, v.code) for v in check_reply_to(reply_to, "/replyTo")] == [(path, code)]
