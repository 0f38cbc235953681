"""What a redacted message keeps, and that nothing of a person is among it."""

from uuid import UUID

from attrs import evolve

from messaging_core.decisions.status.redaction import (
    is_redacted,
    redacted,
    redacted_event,
    redacted_interaction,
)
from messaging_core.models import (
    CampaignMeta,
    ClickedLink,
    Conversion,
    EmailMeta,
    Interaction,
    InteractionMetadata,
    InteractionType,
    Meta,
    Part,
    Reason,
    ReplyTo,
    Status,
    TemplateReference,
)
from messaging_core.testing import (
    MONDAY_MORNING,
    a_failure,
    a_message,
    a_subject,
    an_event,
    an_incoming_message,
)
from messaging_core.wire import encode

SECRET = "kerfuffle"
CAMPAIGN = UUID(int=4)


def a_full_message():
    mail = f"{SECRET}@receiver.example"
    message = a_message(
        a_subject(f"About {SECRET}", f"Dear {SECRET}"),
        to=[mail, f"{SECRET}2@receiver.example"],
        sender=f"{SECRET}@shop.example",
        tags=(SECRET,),
        reference=SECRET,
        reply_to=ReplyTo(id=SECRET, type="message"),
        reason=f"no {SECRET}",
        status=Status.DELIVERY_FAILED,
        parts=(Part(platform_reference="p-1"),),
        failure=a_failure(description=f"{SECRET} is unknown"),
        meta=Meta(
            extra_information={"name": SECRET},
            email=EmailMeta(subject=SECRET),
            campaign=CampaignMeta(id=CAMPAIGN, name=SECRET),
        ),
    )
    return evolve(
        message,
        template=TemplateReference(project_id="t-1", variables={"name": SECRET}),
    )


def test_no_text_or_name_of_a_person_is_left():
    for message in (a_full_message(), an_incoming_message(SECRET, sender=SECRET)):
        left = redacted(message)

        assert SECRET in encode(message).decode()
        assert SECRET not in encode(left).decode()


def test_ids_status_times_channel_parts_and_codes_are_left():
    message = a_full_message()

    left = redacted(message)

    for name in (
        "id",
        "channel_id",
        "status",
        "last_status_at",
        "created_at",
        "parts",
        "direction",
    ):
        assert getattr(left, name) == getattr(message, name)
    assert left.failure == a_failure(description="")
    assert left.meta == Meta(campaign=CampaignMeta(id=CAMPAIGN))
    assert left.template == TemplateReference(project_id="t-1")
    assert [contact.identifier_key for contact in left.receiver.contacts] == ["emailaddress"] * 2


def test_what_was_redacted_is_told_from_what_was_not():
    message = a_full_message()

    assert not is_redacted(message)
    assert not is_redacted(evolve(a_message(), body=None))
    assert is_redacted(redacted(message))
    assert redacted(redacted(message)) == redacted(message)


def test_an_event_keeps_its_codes():
    event = an_event(
        failure=a_failure(description=SECRET),
        reasons=(Reason(code="a.code", message=SECRET, facts={"to": SECRET}),),
        references=("p-1",),
    )

    left = redacted_event(event)

    assert SECRET not in encode(left).decode()
    assert left.failure == a_failure(description="")
    assert [reason.code for reason in left.reasons] == ["a.code"]
    assert left.references == ("p-1",)


def test_an_interaction_keeps_what_was_done_and_not_by_whom():
    conversion = Conversion(type="otp", status="converted")
    interaction = Interaction(
        id=UUID(int=1),
        message_id=UUID(int=2),
        channel_id=UUID(int=3),
        type=InteractionType.CLICKED,
        created_at=MONDAY_MORNING,
        receiver=a_full_message().receiver,
        message_tags=(SECRET,),
        message_reference=SECRET,
        metadata=InteractionMetadata(
            link=ClickedLink(url=SECRET), conversion=conversion, extra={"ip": SECRET}
        ),
    )

    left = redacted_interaction(interaction)

    assert SECRET not in encode(left).decode()
    assert (left.type, left.created_at) == (InteractionType.CLICKED, MONDAY_MORNING)
    assert left.metadata == InteractionMetadata(conversion=conversion)
