"""Compare mail through `SmtpTransport` with `EmailMessage` and `smtplib` as programs use them.

Servers on this machine take the mails of both and drop them. The peer keeps its connections, writes
nothing down and checks nothing. First the transport alone, to Postfix's `smtp-sink`, which offers
PIPELINING; then the engine, which accepts each mail durably, delivers it and settles it.
"""

import asyncio
import multiprocessing
import os
import shutil
import smtplib
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from statistics import median
from time import sleep
from typing import Any

from aiosmtpd.smtp import SMTP
from attrs import evolve

from _hosts import QUICK, messenger, rate, reaches
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core import Channel, Messenger, SendMessage, Worker, html, to
from messaging_core.models.delivery.outcome import Accepted
from messaging_core.models.messages.envelope import EmailContent, Recipient
from messaging_core.testing.contracts.transport import an_envelope

COUNT, ROUNDS = (200, 2) if QUICK else (1500, 5)
MAILS = 100 if QUICK else 600
"""How many go to the sink in one turn."""
THREADS = 4
MAIL = Channel(name="news", platform="email", sender="shop@sender.example")
TITLE, TEXT = "Your order", "<p>Your parcel is here: locker 12, code 4711.</p>" * 20
SMALL = "Your parcel is here: locker 12, code 4711.\n"
LARGE = "<p>Your parcel is here: locker 12, code 4711. Thank you for your order.</p>\n" * 270
RECEIVERS = (Recipient(value="customer@shop.example"),)
FASTER = 2.0
"""Times the rate of the peer: the transport alone, composing included."""
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


@contextmanager
def sink() -> Iterator[int]:
    """Run `smtp-sink`, and return its port."""
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        sys.exit("smtp-sink is not installed; on Debian: apt-get install postfix")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    user = ["-u", "mail"] if os.geteuid() == 0 else []
    with subprocess.Popen([program, *user, f"127.0.0.1:{port}", "100"]) as process:  # noqa: S603 - found above
        try:
            while process.poll() is None:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                sleep(0.02)
            yield port
        finally:
            process.terminate()


def plain_mails(port: int, html: str | None, count: int, threads: int) -> None:
    """Write and send mails with the standard library, over one connection for each thread."""

    def send(_: int) -> None:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            for number in range(count // threads):
                mail = EmailMessage()
                mail["From"], mail["To"] = MAIL.sender, f"customer{number}@shop.example"
                mail["Subject"] = TITLE
                mail.set_content(SMALL)
                if html:
                    mail.add_alternative(html, subtype="html")
                connection.send_message(mail)

    in_threads(threads, send)


def our_mails(transport: SmtpTransport, content: EmailContent, count: int, threads: int) -> None:
    """Send mails with the transport, over as many connections."""
    envelope = evolve(an_envelope("email", content), receivers=RECEIVERS)

    def send(_: int) -> None:
        for _ in range(count // threads):
            assert isinstance(transport.send(envelope, leave), Accepted)

    in_threads(threads, send)


def in_threads(threads: int, work: Callable[[int], None]) -> None:
    """Call something in each of so many threads."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, range(threads)))


def leave(*, references: Sequence[str] = ()) -> None:
    """Let every message go."""
    del references


def compare_transport(port: int, name: str, html: str | None, threads: int) -> bool:
    """Let both take turns, and print the median of the ratios."""
    content = EmailContent(subject=TITLE, text=SMALL, html=html)
    ratios, figures = [], []
    with SmtpTransport("127.0.0.1", port, security="none", max_idle=threads) as transport:
        our_mails(transport, content, 10 * threads, threads)
        for _ in range(ROUNDS):
            peer = rate(MAILS, lambda: plain_mails(port, html, MAILS, threads))
            ours = rate(MAILS, lambda: our_mails(transport, content, MAILS, threads))
            ratios.append(ours / peer)
            figures.append((peer, ours))
    peer, ours = (median(column) for column in zip(*figures, strict=True))
    print(f"{name}, connections: {threads}: {peer:,.0f} mails/s plain, {ours:,.0f} ours")
    return reaches(f"{name}, connections: {threads}, of smtplib", median(ratios), FASTER)


def main() -> int:
    """Print a line for each comparison; fail where a figure misses its limit."""
    with sink() as port:
        checks = [
            compare_transport(port, name, html, threads)
            for name, html in (("small text", None), ("20 KB of HTML", LARGE))
            for threads in (1, 10)
        ]
    return 0 if all([*checks, with_server(compare)]) else 1


if __name__ == "__main__":
    sys.exit(main())
