"""A Postfix of the tests' own: private folders, one port of this machine, nothing of the system."""

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Final

import pytest

DOMAIN: Final = "box.example"
"""The domain whose mailboxes this Postfix has."""

_SBIN: Final = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_MASTER: Final = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       1       1       qmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
"""


class Postfix:
    """A running Postfix.

    Attributes:
        port: Where it takes mail.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self.port = port

    def mails(self, user: str, count: int, *, timeout: float = 60) -> list[bytes]:
        """Return the mails in a mailbox, when there are so many."""
        deadline = monotonic() + timeout
        while len(paths := sorted((self.maildir(user) / "new").glob("*"))) < count:
            if monotonic() > deadline:
                log = (self._folder / "log").read_text(encoding="utf-8", errors="replace")
                raise AssertionError(f"{len(paths)} of {count} mails for {user}; the log:\n{log}")
            sleep(0.05)
        return [path.read_bytes() for path in paths]

    def maildir(self, user: str) -> Path:
        """Return the folder of a mailbox."""
        return self._folder / "mail" / user


@contextmanager
def postfix(*users: str, relays: Mapping[str, int] = {}) -> Iterator[Postfix]:
    """Run Postfix with some mailboxes in `DOMAIN`; other users of it do not exist.

    Args:
        users: The mailboxes.
        relays: Ports of this machine, by the domain whose mail goes there.
    """
    program = shutil.which("postfix", path=_SBIN)
    if program is None:
        pytest.skip("Postfix is not installed; on Debian: apt-get install postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix starts as root only: it gives each of its programs a user of its own")
    # Its programs run as other users, who have to reach its folders.
    with TemporaryDirectory(dir="/tmp") as name:
        folder, port = Path(name), _free_port()
        folder.chmod(0o755)
        _configure(folder, port, users, relays)
        try:
            _run(program, folder, "start")
            _wait_until_it_answers(port, folder)
            yield Postfix(folder, port)
        finally:
            _run(program, folder, "stop")


def _configure(folder: Path, port: int, users: tuple[str, ...], relays: Mapping[str, int]) -> None:
    owner = pwd.getpwnam("mail")
    for part in ("etc", "queue", "data", "mail"):
        (folder / part).mkdir()
    shutil.chown(folder / "data", "postfix")
    os.chown(folder / "mail", owner.pw_uid, owner.pw_gid)
    settings = {
        "compatibility_level": "3.6",
        "queue_directory": folder / "queue",
        "data_directory": folder / "data",
        "maillog_file": folder / "log",
        "maillog_file_prefixes": folder.parent,
        "myhostname": f"mx.{DOMAIN}",
        "mydestination": "",
        "inet_interfaces": "127.0.0.1",
        "inet_protocols": "ipv4",
        "mynetworks": "127.0.0.0/8",
        "smtp_dns_support_level": "disabled",
        "smtpd_reject_unlisted_recipient": "no",  # so that they bounce
        "recipient_delimiter": "+",
        "virtual_mailbox_domains": DOMAIN,
        "virtual_mailbox_base": folder / "mail",
        "virtual_mailbox_maps": _table({f"{user}@{DOMAIN}": f"{user}/" for user in users}),
        "virtual_minimum_uid": owner.pw_uid,
        "virtual_uid_maps": f"static:{owner.pw_uid}",
        "virtual_gid_maps": f"static:{owner.pw_gid}",
        "transport_maps": _table(
            {domain: f"smtp:[127.0.0.1]:{remote}" for domain, remote in relays.items()}
        ),
        "minimal_backoff_time": "1s",
        "maximal_backoff_time": "2s",
        "queue_run_delay": "1s",
        "delay_warning_time": "1s",
        "smtp_connection_cache_on_demand": "no",
    }
    lines = "".join(f"{key} = {value}\n" for key, value in settings.items())
    (folder / "etc" / "main.cf").write_text(lines, encoding="utf-8")
    (folder / "etc" / "master.cf").write_text(_MASTER.format(port=port), encoding="utf-8")


def _table(entries: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{{{key} = {value}}}" for key, value in entries.items())
    return f"inline:{{{pairs}}}" if pairs else ""


def _run(program: str, folder: Path, command: str) -> None:
    finished = subprocess.run(  # noqa: S603 - found above
        [program, "-c", str(folder / "etc"), command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if command == "start" and finished.returncode:
        log = folder / "log"
        said = log.read_text(encoding="utf-8") if log.exists() else ""
        raise AssertionError(f"Postfix does not start: {finished.stderr}\n{said}")


def _wait_until_it_answers(port: int, folder: Path) -> None:
    deadline = monotonic() + 30
    while monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                if connection.recv(3) == b"220":
                    return
        except OSError:
            sleep(0.05)
    raise AssertionError(f"Postfix does not answer: {(folder / 'log').read_text()}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
