"""The parsers of the engine keep the contract."""

from peers.webhooks import (
    Bird,
    Mailgun,
    MailServer,
    Postmark,
    PostmarkByHeader,
    Resend,
    SendGrid,
    SendGridInbound,
    Ses,
    Twilio,
    TwilioBySharedKey,
    Vonage,
)


class TestTwilioReceipts(Twilio):
    pass


class TestTwilioReceiptsBySharedKey(TwilioBySharedKey):
    pass


class TestVonageReceipts(Vonage):
    pass


class TestBirdReceipts(Bird):
    pass


class TestSendGridReceipts(SendGrid):
    pass


class TestSendGridInboundReceipts(SendGridInbound):
    pass


class TestPostmarkReceipts(Postmark):
    pass


class TestPostmarkReceiptsByHeader(PostmarkByHeader):
    pass


class TestResendReceipts(Resend):
    pass


class TestMailReports(MailServer):
    pass


class TestMailgunReceipts(Mailgun):
    pass


class TestSesReceipts(Ses):
    pass
