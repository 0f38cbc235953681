"""Requests that the benchmarks send: the smallest there is, and one with everything."""

from typing import Any


def minimal(number: int) -> dict[str, Any]:
    """Return the smallest SMS request, to one of a hundred thousand receivers."""
    receiver = {"identifierKey": "phonenumber", "identifierValue": f"+316123{number % 100_000:05}"}
    return {
        "receiver": {"contacts": [receiver]},
        "body": {"type": "text", "text": {"text": "Your parcel is here: locker 12, code 4711"}},
    }


def full(number: int) -> dict[str, Any]:
    """Return a mail with attachments, headers, tags and everything that `meta` can carry."""
    return {
        "receiver": {"contacts": _contacts(number)},
        "sender": {
            "connector": {"identifierValue": "billing", "annotations": {"name": "Shop Billing"}}
        },
        "reference": f"order-{number}",
        "meta": _meta(number),
        "replyTo": {"id": "m-1", "type": "message", "order": 1},
        "body": {"type": "html", "html": _html(number)},
        "tags": ["orders", "spring", "web", "vip", "eu", "new", "paid", "first", "beta", "news"],
        "scheduledFor": "2025-01-31T09:00:00.000Z",
        "validity": 86400,
    }


def _contacts(number: int) -> list[dict[str, Any]]:
    customer, phone = f"customer{number % 100_000}@shop.example", f"+316123{number % 100_000:05}"
    return [
        {
            "identifierKey": "emailaddress",
            "identifierValue": customer,
            "type": "to",
            "identifiers": [
                {"identifierKey": "emailaddress", "identifierValue": customer},
                {"identifierKey": "phonenumber", "identifierValue": phone},
            ],
        },
        {"identifierKey": "emailaddress", "identifierValue": "sales@shop.example", "type": "cc"},
        {"identifierKey": "emailaddress", "identifierValue": "log@shop.example", "type": "bcc"},
    ]


def _meta(number: int) -> dict[str, Any]:
    return {
        "extraInformation": {"useCase": "transactional", "order": {"id": number, "total": 99.5}},
        "referral": {
            "source": "ad",
            "title": "Spring sale",
            "metadata": {"source_id": "ad-1", "tracking_id": "t-9"},
        },
        "order": {
            "products": [
                {
                    "externalCatalogId": "cat-1",
                    "externalProductId": f"prod-{quantity}",
                    "quantity": quantity,
                    "price": {"amount": 1999, "exponent": 2, "currencyCode": "EUR"},
                }
                for quantity in (1, 2, 3)
            ]
        },
        "email": {
            "subject": "Your order",
            "headers": {"X-Order": str(number), "X-Shop": "main"},
            "from": {"username": "orders", "displayName": "Orders"},
        },
        "navigatorId": "0b8a6d4e-6d0a-4b6e-8f1e-2d7c3b4a5f60",
        "flow": {"id": "1b8a6d4e-6d0a-4b6e-8f1e-2d7c3b4a5f60", "name": "checkout", "stepId": "s1"},
        "journey": {"id": "2b8a6d4e-6d0a-4b6e-8f1e-2d7c3b4a5f60", "name": "welcome"},
        "campaign": {"id": "3b8a6d4e-6d0a-4b6e-8f1e-2d7c3b4a5f60", "name": "spring"},
    }


def _html(number: int) -> dict[str, Any]:
    return {
        "html": f"<h1>Thank you</h1><p>Your order {number} is on its way.</p>",
        "text": f"Thank you. Your order {number} is on its way.",
        "attachments": [
            {"filename": "terms.pdf", "mediaUrl": "https://cdn.shop.example/terms.pdf"},
            {
                "filename": "logo.png",
                "content": "iVBORw0KGgo=",
                "contentType": "image/png",
                "inline": True,
                "contentId": "logo",
            },
        ],
        "actions": [
            {
                "type": "link",
                "link": {"text": "Track", "url": f"https://shop.example/track/{number}"},
            },
        ],
        "metadata": {
            "subject": f"Your order {number}",
            "emailFrom": {"username": "billing", "displayName": "Shop"},
            "headers": {"X-Priority": "1"},
            "openTracking": True,
        },
    }
