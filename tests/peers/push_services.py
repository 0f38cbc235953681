"""The push service of the npm package `web-push-testing`, which decrypts what it gets."""

import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

HERE = Path(__file__).parent
SERVER = HERE / "node_modules" / "web-push-testing" / "src" / "bin" / "server.js"
MISSING = (
    "node with npm is missing, or its packages are: on Debian apt-get install nodejs npm, "
    "then make test"
)


class PushService:
    """Run a push service on a free port of this machine."""

    def __init__(self) -> None:
        node = shutil.which("node")
        if node is None or not SERVER.exists():
            pytest.skip(MISSING)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process = subprocess.Popen(  # noqa: S603 - found above
            [node, str(SERVER), str(self.port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        assert "running" in self._process.stdout.readline()

    def subscribe(self, public_key: str) -> dict[str, Any]:
        """Return the subscription of a new browser to the messages of one sender."""
        options = {"userVisibleOnly": "true", "applicationServerKey": public_key}
        subscription: dict[str, Any] = self._post("subscribe", options)["data"]
        return subscription

    def messages(self, subscription: dict[str, Any]) -> list[Any]:
        """Return what a browser got, decrypted."""
        told = self._post("get-notifications", {"clientHash": subscription["clientHash"]})
        return [json.loads(message) for message in told["data"]["messages"]]

    def expire(self, subscription: dict[str, Any]) -> None:
        """End a subscription."""
        self._post(f"expire-subscription/{subscription['clientHash']}", {})

    def _post(self, path: str, document: object) -> dict[str, Any]:
        request = Request(
            f"http://localhost:{self.port}/{path}",
            data=json.dumps(document).encode(),
            headers={"content-type": "application/json"},
        )
        with urlopen(request, timeout=20) as response:  # noqa: S310 - the same
            text = response.read()
        read: dict[str, Any] = json.loads(text) if text.startswith(b"{") else {}
        return read

    def close(self) -> None:
        self._process.kill()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()
