"""nghttpd and nghttpx, HTTP/2 servers of another hand, started by a test."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Self

import pytest
import trustme

MISSING = "is missing: on Debian apt-get install nghttp2-server nghttp2-proxy"


class Nghttp2:
    """Run one of the servers of nghttp2 on a free port of this machine.

    Args:
        program: `nghttpd`, which serves a folder, or `nghttpx`, which passes requests on.
        options: Of its command line, but for the port.
        folder: What nghttpd serves; also for its logs.
        backend: The port that nghttpx passes requests on to.
        authority: Signs a certificate for `localhost`; without it there is no TLS.
    """

    def __init__(
        self,
        program: str,
        *options: str,
        folder: Path,
        backend: int = 0,
        authority: trustme.CA | None = None,
    ) -> None:
        path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if path is None:
            pytest.skip(f"{program} {MISSING}")
        self.port = _free_port()
        self.log = folder / f"{program}.log"
        scheme, files = ("https", _certificate(authority, folder)) if authority else ("http", [])
        self.url = f"{scheme}://localhost:{self.port}"
        places = (
            self._serving(folder, files)
            if program == "nghttpd"
            else self._passing_on(backend, folder, files)
        )
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - found above
                [path, *options, *places], stdout=log, stderr=log, cwd=folder
            )
        self._wait()

    def _serving(self, folder: Path, files: list[str]) -> list[str]:
        own = ["--address=127.0.0.1", "--verbose", f"--htdocs={folder}"]
        return [*own, *([] if files else ["--no-tls"]), str(self.port), *files]

    def _passing_on(self, backend: int, folder: Path, files: list[str]) -> list[str]:
        front = f"--frontend=127.0.0.1,{self.port}" + ("" if files else ";no-tls")
        own = ["--conf=/dev/null", "--no-ocsp", "--workers=1", f"--errorlog-file={folder}/error"]
        return [front, f"--backend=127.0.0.1,{backend}", *own, *files]

    def _wait(self) -> None:
        patience = monotonic() + 10
        while monotonic() < patience:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, self.log.read_text()
            sleep(0.02)
        raise AssertionError(self.log.read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait(10)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _certificate(authority: trustme.CA, folder: Path) -> list[str]:
    made = authority.issue_cert("localhost")
    key, chain = folder / "key.pem", folder / "chain.pem"
    made.private_key_pem.write_to_path(str(key))
    made.cert_chain_pems[0].write_to_path(str(chain))
    return [str(key), str(chain)]


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context
