"""What a failed connection comes to, for mail servers and message centres alike."""

import socket

import pytest

from messaging_adapters.mail.verdicts import not_sent as no_mail
from messaging_adapters.providers.error_table import error_table
from messaging_adapters.smpp.failures import not_sent as no_text
from messaging_core.models.delivery.outcome import Deferred, SingleOutcome


def _no_text(error: Exception) -> SingleOutcome:
    return no_text(error, "smpp", error_table("smpp"))


def _no_mail(error: Exception) -> SingleOutcome:
    return no_mail(error, "smtp")


@pytest.mark.parametrize("verdict", [_no_mail, _no_text])
def test_an_unknown_name_has_two_causes(verdict):
    outcome = verdict(socket.gaierror(socket.EAI_NONAME, "unknown"))

    assert isinstance(outcome, Deferred)
    assert outcome.failure.description.endswith("not known: it is wrong, or there is no network")
