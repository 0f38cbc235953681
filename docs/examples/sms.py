"""SMS through Twilio: receipts that come back, an answer that gets lost, and a person who opts out.

Run it: `python docs/examples/sms.py`. An HTTP server on this machine stands in for Twilio: it takes
the requests, and calls the webhook of the shop with the signatures of Twilio.
"""

import base64
import hmac
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlencode

from messaging_adapters.receipts.twilio import TwilioReceipts
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_adapters.transports.sms.twilio import TwilioTransport
from messaging_core import Channel, Message, Messenger, SendMessage, Worker, text, to
from messaging_core.ports.http import HttpRequest, HttpResponse
from messaging_core.testing import HttpPeer, ManualClock, Misbehaviour

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "read it from your secret store"  # noqa: S105 - a stand-in
WEBHOOK = "https://shop.example/hooks/twilio"
PARCELS = Channel(name="parcels", platform="sms", sender="+31600000009")

ANNA, BRUNO, CHIARA = "+31612345671", "+31612345672", "+31612345673"
ANSWERS: Mapping[str, HttpResponse | Misbehaviour] = {
    ANNA: HttpResponse(
        status=201, body=json.dumps({"sid": "SM" + "a" * 32, "status": "queued"}).encode()
    ),
    BRUNO: HttpResponse(
        status=400, body=json.dumps({"code": 21211, "message": "The number is invalid"}).encode()
    ),
    CHIARA: Misbehaviour.RESET,  # it took the message, and the answer gets lost
}


def main() -> None:
    """Send three messages, let Twilio report, and let a person answer STOP."""
    logging.getLogger("messaging_core").addHandler(logging.NullHandler())  # it logs the forgery
    clock = ManualClock(datetime(2026, 5, 4, 8, tzinfo=UTC))
    with (
        HttpPeer(answer) as peer,
        TwilioTransport(
            ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            status_callback=WEBHOOK,
            base_url=peer.url,
            clock=clock,
        ) as twilio,
        SqliteStorage(":memory:") as storage,
    ):
        messenger = Messenger(
            storage=storage,
            channels={PARCELS: twilio},
            receipt_parsers=[
                TwilioReceipts(auth_token=AUTH_TOKEN, channels={"+31600000009": PARCELS.id})
            ],
            clock=clock,
        )
        worker = Worker(messenger, threads=1)
        people = {"Anna": ANNA, "Bruno": BRUNO, "Chiara": CHIARA}
        sent = {
            name: messenger.send(PARCELS, request(name, number)) for name, number in people.items()
        }
        worker.drain()
        print("Three messages went to Twilio. The answer to the third got lost:")
        show(messenger, sent)

        clock.advance(minutes=1)
        print("\nTwilio calls the webhook, and reports two deliveries:")
        for form in status_callbacks(peer):
            call_webhook(messenger, *form)
        worker.drain()
        show(messenger, sent)
        print(f"Requests that Twilio got: {len(peer.exchanges)}; nothing was sent twice.")

        clock.advance(minutes=1)
        print("\nA forged report, and then an answer of Anna:")
        forged = {"MessageSid": "SM" + "a" * 32, "MessageStatus": "failed"}
        call_webhook(messenger, WEBHOOK, forged, token="a guess")
        stop = {"MessageSid": "SM" + "e" * 32, "From": ANNA, "To": "+31600000009", "Body": "STOP"}
        call_webhook(messenger, WEBHOOK, stop)
        worker.drain()
        plan = messenger.plan(PARCELS, request("Anna", ANNA))
        print(f"The next message to Anna: {plan.verdict}, {plan.reasons[0].code}")


def answer(request: HttpRequest) -> HttpResponse | Misbehaviour:
    """Answer as Twilio does; the number says how."""
    if request.method == "GET":  # the engine asks about a message in doubt: not listed yet
        return HttpResponse(status=503)
    return ANSWERS[parse_qs(request.body.decode())["To"][0]]


def request(name: str, number: str) -> SendMessage:
    """Return what to send to a person."""
    return SendMessage(receiver=to(number), body=text(f"{name}, your parcel is here: locker 12"))


def status_callbacks(peer: HttpPeer) -> list[tuple[str, dict[str, str]]]:
    """Return URL and form of what Twilio reports: both messages that it took arrived."""
    taken = [parse_qs(request.body.decode()) for request in peer.taken if request.body]
    return [
        (form["StatusCallback"][0], {"MessageSid": sid, "MessageStatus": "delivered"})
        for form, sid in zip(taken, ("SM" + "a" * 32, "SM" + "c" * 32), strict=True)
    ]


def call_webhook(
    messenger: Messenger, url: str, form: Mapping[str, str], token: str = AUTH_TOKEN
) -> None:
    """Call the webhook as Twilio does, and show what it answers."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    signature = base64.b64encode(hmac.digest(token.encode(), signed.encode(), "sha1")).decode()
    headers = {
        "X-Twilio-Signature": signature,
        "Content-Type": "application/x-www-form-urlencoded",
    }
    call = HttpRequest(method="POST", url=url, headers=headers, body=urlencode(form).encode())
    response = messenger.receive_webhook("twilio", call)
    print(f"  POST {form.get('MessageStatus') or form['Body']}: {response.status}")


def show(messenger: Messenger, sent: Mapping[str, Message]) -> None:
    """Print where each message is."""
    for name, message in sent.items():
        current = messenger.get(message.id)
        details = current.reason or ""
        print(f"  {name:<8}{current.status:<16}{details}".rstrip())


if __name__ == "__main__":
    main()
