"""Celery drives the worker, with a Redis as its broker."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery

from messaging_core import Messenger
from tests.drivers.conftest import SCRIPTS, code_of, running, sent, wait_until

NUMBER = 20


@pytest.fixture
def broker(folder: Path) -> Iterator[redis.Redis]:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("Redis is not installed: apt-get install redis-server")
    path = str(folder / "redis.sock")
    options = ("--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no")
    with running(server, *options), redis.Redis(unix_socket_path=path) as client:
        wait_until((folder / "redis.sock").exists)
        yield client


def test_what_is_due_is_delivered_once_whatever_becomes_of_the_broker(
    folder: Path, broker: redis.Redis
) -> None:
    (folder / "tasks.py").write_text(code_of("With Celery", "python").replace("5.0", "0.5"))
    url = f"redis+socket://{folder / 'redis.sock'}"
    celery = str(SCRIPTS / "celery")
    options = ("worker", "--beat", "--concurrency", "2", "--loglevel", "INFO")
    with (
        Messenger.from_config("messaging.toml") as messenger,
        running(celery, "--app", "tasks", *options, BROKER_URL=url),
    ):
        messenger.send("parcels", to="+31612345678", text="the first")
        wait_until(lambda: sent(folder) == 1)

        broker.flushall()  # all tasks are lost
        messenger.send_many("parcels", [{"to": "+31612345678", "text": "later"}] * NUMBER)
        wait_until(lambda: sent(folder) == NUMBER + 1)

        messenger.send_many("parcels", [{"to": "+31612345678", "text": "last"}] * NUMBER)
        with Celery(broker=url) as app:
            for _ in range(NUMBER):  # far more than are needed, on two processes
                app.send_task("tasks.deliver")
        wait_until(lambda: not messenger.health().due and sent(folder) > 2 * NUMBER)

    assert sent(folder) == 2 * NUMBER + 1
