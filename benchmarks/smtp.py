"""Compare mail through `SmtpTransport` with `EmailMessage` and `smtplib` as programs use them.

One server on this machine takes the mails of both and drops them. The peer keeps its connections,
writes nothing down and checks nothing; the engine accepts each mail durably, delivers it and
settles it.
"""

import asyncio
import multiprocessing
import smtplib
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from statistics import median
from typing import Any

from aiosmtpd.smtp import SMTP

from _hosts import QUICK, messenger, rate, reaches
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Channel, Messenger, SendMessage, Worker, html, to

COUNT, ROUNDS = (300, 2) if QUICK else (1500, 5)
THREADS = 4
MAIL = Channel(name="news", platform="email", sender="shop@sender.example")
TITLE, TEXT = "Your order", "<p>Your parcel is here: locker 12, code 4711.</p>" * 20
LEAST = 0.4
"""Of the rate of the peer: accepting, delivering and settling included."""


class Sink:
    """Take every mail and keep none."""

    async def handle_DATA(self, *_: Any) -> str:  # noqa: N802 - the name that the server calls
        """Accept."""
        return "250 OK"


def serve(port: "multiprocessing.Queue[int]") -> None:
    """Run the server in a process of its own, so that it shares no interpreter with a client."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(Sink()), "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def plainly(port: int) -> None:
    """Write and send the mails with the standard library, over one connection for each thread."""

    def send(share: range) -> None:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            for number in share:
                mail = EmailMessage()
                mail["From"], mail["To"] = MAIL.sender, f"customer{number}@shop.example"
                mail["Subject"] = TITLE
                mail.set_content("Your parcel is here.")
                mail.add_alternative(TEXT, subtype="html")
                connection.send_message(mail)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(send, [range(first, COUNT, THREADS) for first in range(THREADS)]))


def accept(host: Messenger) -> None:
    """Accept the same mails, durably."""
    for number in range(COUNT):
        body = html(TEXT, subject=TITLE)
        host.send(MAIL, SendMessage(receiver=to(f"customer{number}@shop.example"), body=body))


def compare(port: int) -> bool:
    """Let both take turns, and print the median of each ratio."""
    transport = SmtpTransport("127.0.0.1", port, security="none", max_idle=THREADS)
    ratios: dict[str, list[float]] = {"deliver": [], "accept singly and deliver": []}
    with messenger(MAIL, transport) as host:
        worker = Worker(host, threads=THREADS)
        for _ in range(ROUNDS):
            peer = rate(COUNT, lambda: plainly(port))
            accepting = rate(COUNT, lambda: accept(host))
            delivering = rate(COUNT, worker.drain)
            ratios["deliver"].append(delivering / peer)
            both = 1 / (1 / accepting + 1 / delivering)
            ratios["accept singly and deliver"].append(both / peer)
    transport.close()
    deliver = median(ratios["deliver"])
    print(f"accept singly and deliver: {median(ratios['accept singly and deliver']):.2f} times")
    return reaches("deliver, of smtplib and EmailMessage", deliver, LEAST)


def with_server(work: Callable[[int], bool]) -> bool:
    """Call `work` with the port of a server."""
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    server = context.Process(target=serve, args=(port,), daemon=True)
    server.start()
    try:
        return work(port.get(timeout=30))
    finally:
        server.terminate()
        server.join()


if __name__ == "__main__":
    sys.exit(0 if with_server(compare) else 1)
