"""Values made of lists, as callers write them: type checkers take them, and tuples are kept."""

from datetime import time
from uuid import UUID

from messaging_core import SendMessage, attach
from messaging_core.models import (
    Accepted,
    ContactIdentifier,
    EventFilter,
    File,
    FileBody,
    FrequencyCap,
    HtmlBody,
    NewContact,
    NewWebhookSubscription,
    Notification,
    PlatformContent,
    QuietHours,
    QuietWindow,
    Receiver,
    ReceiverContact,
    SendRules,
    StringParameter,
    TemplateContent,
    TemplateReference,
    TemplateVariable,
    TemplateVersion,
)

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
files = [attach(b"%PDF-1.4", "invoice.pdf")]
window = QuietWindow(start=time(21), end=time(8))

VALUES = [
    SendMessage(
        receiver=Receiver(contacts=[ReceiverContact(identifier_value="ada@customer.example")]),
        body=HtmlBody(html="<p>Hi</p>", attachments=files),
        tags=["march", "vip"],
    ),
    FileBody(files=[File(media_url="https://shop.example/a.pdf", content_type="application/pdf")]),
    TemplateReference(
        name="parcel", parameters=[StringParameter(key="name", value="Ada")], attachments=files
    ),
    TemplateVersion(
        id=ID,
        project_id="parcel",
        default_locale="en",
        generic_content=[TemplateContent(locale="en", text="Hi {{ name }}")],
        platform_content=[PlatformContent(platform="email", locale="en", text="Hi {{ name }}")],
        variables=[TemplateVariable(key="name")],
    ),
    SendRules(quiet_hours=QuietHours(windows=[window]), frequency_caps=[FrequencyCap()]),
    NewContact(
        identifiers=[ContactIdentifier(key="phonenumber", value="+31612345678")], list_ids=[ID]
    ),
    NewWebhookSubscription(
        service="channels",
        event="sms.outbound",
        url="https://shop.example/events",
        event_filters=[EventFilter(key="status", value="delivered")],
    ),
    Notification(channels=["sms", "email"], recipients=["ada"], message_content="Hi"),
    Accepted(references=["p-1"]),
]
