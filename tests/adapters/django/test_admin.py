"""The admin shows messages and their timelines, and sends one again."""

from django.contrib.auth.models import Permission, User
from django.test import TestCase

from messaging_adapters.django import messenger
from messaging_adapters.django.test import MessagingMixin
from messaging_core.models import Failure, FailureCode, Message, Rejected, Status

TO = "+31612345678"
LIST = "/admin/messaging/message/"


class TestAdmin(MessagingMixin, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.sign_in("view_message", "change_message")

    def sign_in(self, *permissions: str) -> None:
        user = User.objects.create(username=f"user {User.objects.count()}", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        self.client.force_login(user)

    def failed(self) -> Message:
        failure = Failure(code=FailureCode.INVALID_CONTENT, description="the provider refuses it")
        answers = iter([Rejected(failure=failure)])
        self.outbox.transport._answer = lambda _: next(answers, None)
        message = messenger.send("orders", to=TO, text="Order <1001>")
        self.outbox.drain()
        return messenger.get(message.id)

    def test_the_list_has_every_message_and_filters(self) -> None:
        messenger.send("orders", to=TO, text="Order <1001>")

        page = self.client.get(LIST).content.decode()
        assert TO in page
        assert "Order &lt;1001&gt;" in page
        assert "No messages" in self.client.get(LIST, {"status": "sent"}).content.decode()
        assert TO in self.client.get(LIST, {"receiver": TO}).content.decode()
        assert "errornote" in self.client.get(LIST, {"channel_id": "none"}).content.decode()

    def test_a_long_list_has_a_link_to_older_messages(self) -> None:
        rows = [{"to": TO, "text": f"Order {number:03}"} for number in range(60)]
        messenger.send_many("orders", rows)

        first = self.client.get(LIST)
        token = first.context["next_page_token"]
        second = self.client.get(LIST, {"page_token": token}).content.decode()

        assert "Order 059" in first.content.decode()
        assert "Order 000" not in first.content.decode()
        assert "Order 000" in second

    def test_the_timeline_says_what_happened(self) -> None:
        message = self.failed()

        page = self.client.get(f"{LIST}{message.id}/").content.decode()

        assert "the provider refuses it" in page
        assert "rejected" in page
        assert self.client.get(f"{LIST}{'0' * 8}-0000-7000-8000-{'0' * 12}/").status_code == 404

    def test_a_message_that_failed_is_sent_again(self) -> None:
        message = self.failed()

        answer = self.client.post(f"{LIST}{message.id}/replay/", follow=True)

        assert "is sent in place of" in answer.content.decode()
        self.outbox.drain()
        self.outbox.assert_sent(to=TO, text="Order <1001>", count=2)

    def test_a_message_that_was_sent_is_not_sent_again(self) -> None:
        message = messenger.send("orders", to=TO, text="Hi")
        self.outbox.drain()

        self.client.post(f"{LIST}{message.id}/replay/")

        assert [entry.status for entry in messenger.find().results] == [Status.SENT]

    def test_permissions_decide_who_sees_and_who_sends_again(self) -> None:
        message = self.failed()

        self.sign_in("view_message")
        assert "Send again" not in self.client.get(f"{LIST}{message.id}/").content.decode()
        assert self.client.post(f"{LIST}{message.id}/replay/").status_code == 403
        self.sign_in()
        assert self.client.get(LIST).status_code == 403
        assert self.client.get(f"{LIST}{message.id}/").status_code == 403

    def test_nothing_is_added_changed_or_deleted(self) -> None:
        self.sign_in("view_message", "change_message", "add_message", "delete_message")

        assert self.client.get(f"{LIST}add/").status_code == 404
        assert self.client.get("/admin/").status_code == 200
