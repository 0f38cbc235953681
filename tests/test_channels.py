import pytest

from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.channels import ChannelRegistry
from messaging_core.errors import ConfigurationError
from messaging_core.models import Capabilities, Channel, Envelope, Outcome
from messaging_core.testing import RecordingTransport

SMS = Channel(name="sms", platform="sms", sender="+31201234567")


class Asked(RecordingTransport):
    def look_up(self, envelope: Envelope) -> Outcome | None:
        raise AssertionError(envelope.message_id)


def test_a_channel_of_a_platform_that_its_transport_does_not_carry_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'sms' carries email, not sms: give"):
        ChannelRegistry({SMS: SmtpTransport("mail.example")})


def test_a_channel_with_mms_needs_a_transport_that_carries_media() -> None:
    channel = Channel(name="mms", platform="sms", sender="+31201234567", mms=True)
    text_only = RecordingTransport(capabilities=Capabilities(media=False))

    with pytest.raises(ConfigurationError, match="carries no pictures and files: leave mms out"):
        ChannelRegistry({channel: text_only})
    assert ChannelRegistry({channel: RecordingTransport()}).get(channel.id) is channel


def test_a_transport_that_looks_up_has_the_method() -> None:
    capabilities = Capabilities(looks_up=True)

    with pytest.raises(ConfigurationError, match="declares looks_up, but has no method look_up"):
        ChannelRegistry({SMS: RecordingTransport(capabilities=capabilities)})
    assert ChannelRegistry({SMS: Asked(capabilities=capabilities)}).capabilities(SMS.id).looks_up
