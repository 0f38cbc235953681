"""The page of reasons lists every reason code with its meaning, and the order of the rules."""

import re
from pathlib import Path

from messaging_core.decisions.policy import send_rules
from messaging_core.models import Course, ReasonCode

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "reasons.md").read_text(encoding="utf-8")
EXPLANATION = (ROOT / "docs" / "explanation" / "send-rules.md").read_text(encoding="utf-8")


def test_every_reason_is_on_the_page_with_its_meaning_and_none_is_stale() -> None:
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.+?) \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)

    assert [(code, meaning) for code, meaning, _ in rows] == [
        (code.value, code.meaning) for code in ReasonCode
    ]


def test_every_reason_names_a_course_that_there_is() -> None:
    rows = re.findall(r"^\| `\w+\.\w+` \| .+? \| (.+?) \| .+ \|$", PAGE, re.MULTILINE)

    courses = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert courses == {course.value for course in Course}


def test_the_explanation_names_the_rules_in_their_order() -> None:
    numbered = re.findall(r"^\d\. \*\*(.+?)\*\*", EXPLANATION, re.MULTILINE)
    stated = (send_rules.__doc__ or "").partition("first that forbids decides: ")[2]

    assert len(numbered) == len(stated.partition(". All of them")[0].split("·")) == 8
