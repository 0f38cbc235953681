"""Tests of the shop, with the messages that it sends."""

from django.core.mail import send_mail
from django.db import transaction
from django.test import TestCase, override_settings

from messaging_adapters.django import messenger
from messaging_adapters.django.test import MessagingMixin
from orders.models import Order


class TestOrders(MessagingMixin, TestCase):
    """An order and its message are kept together."""

    def test_a_customer_is_told_about_the_order(self) -> None:
        self.client.post("/orders", {"number": 1001, "phone": "+31612345678"})

        self.outbox.drain()
        self.outbox.assert_sent(to="+31612345678", text="Order 1001 received")

    def test_an_order_that_fails_sends_nothing(self) -> None:
        Order.objects.create(number=1001, phone="+31612345678")

        answer = self.client.post("/orders", {"number": 1001, "phone": "+31687654321"})

        self.assertEqual(answer.status_code, 409)
        answer = self.client.post("/orders", {"number": 1002, "phone": "0612"})
        self.assertEqual(answer.status_code, 422)
        self.outbox.drain()
        self.outbox.assert_nothing_sent()

    def test_a_transaction_that_is_rolled_back_takes_its_messages_along(self) -> None:
        with transaction.atomic():
            messenger.send("orders", to="+31612345678", text="Never")
            transaction.set_rollback(True)

        self.assertEqual(self.outbox.messages, [])

    def test_a_test_begins_without_the_messages_of_others(self) -> None:
        self.outbox.assert_nothing_sent()

    @override_settings(EMAIL_BACKEND="messaging_adapters.django.email.EmailBackend")
    def test_mails_of_django_go_through_the_engine(self) -> None:
        send_mail("Welcome", "Hello Ann", None, ["ann@customer.example"])

        self.outbox.drain()
        self.outbox.assert_sent(to="ann@customer.example", subject="Welcome", text="Hello Ann")
