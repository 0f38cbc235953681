"""The page of providers' words prints the tables that the parsers read."""

import re
from pathlib import Path

import pytest

from messaging_adapters.providers.error_table import error_table
from messaging_adapters.receipts import (
    bird,
    mail_reports,
    mailgun,
    postmark,
    resend,
    sendgrid,
    ses,
    twilio,
    vonage,
)
from messaging_adapters.receipts.words import Meaning
from messaging_core.models.common.failure import FailureCode

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "provider-words.md"
PROVIDERS = {
    "twilio": twilio.WORDS,
    "vonage": vonage.WORDS,
    "bird": bird.WORDS,
    "postmark": postmark.WORDS,
    "sendgrid": sendgrid.WORDS,
    "resend": resend.WORDS,
    "mailgun": mailgun.WORDS,
    "amazon ses": ses.WORDS,
}


def section(provider: str, kind: str) -> list[str]:
    """Return the rows of a table: those under the second heading after that of the provider."""
    text = re.split(rf"(?i)\n## {provider}\n", PAGE.read_text(encoding="utf-8"))[1]
    text = text.partition("\n## ")[0].partition(f"\n### {kind}\n")[2].partition("\n### ")[0]
    return re.findall(r"^\| `.*\|$", text, re.MULTILINE)


def row_of_word(word: str, meaning: Meaning) -> str:
    status = f"`{meaning.status}`" if meaning.status else "no change"
    interaction = f", and the interaction `{meaning.interaction}`" if meaning.interaction else ""
    return f"| `{word}` | {status}{interaction} |"


def rows_of_errors(provider: str) -> list[str]:
    """Return the rows of a provider, whose table has the last word of its name."""
    return [
        f"| `{code}` | `{failure.retry}` | {failure.code:d} `{FailureCode(failure.code).name}` "
        f"| {failure.description} |"
        for code, failure in error_table(provider.rsplit(maxsplit=1)[-1]).failures.items()
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_page_has_every_word_of_a_provider(provider: str) -> None:
    words = PROVIDERS[provider].items()

    assert section(provider, "Status words") == [row_of_word(*entry) for entry in words]


@pytest.mark.parametrize("provider", [*PROVIDERS, "apns", "fcm", "webpush"])
def test_the_page_has_every_error_code_of_a_provider(provider: str) -> None:
    assert section(provider, "Error codes") == rows_of_errors(provider)


def test_the_page_has_every_word_of_mail_servers() -> None:
    words = mail_reports.WORDS.items()

    assert section("mail reports", "Status words") == [row_of_word(*entry) for entry in words]
