"""Any number of requests in flat memory: answers are yielded chunk by chunk."""

import asyncio
from itertools import islice

import pytest

from messaging_adapters.storage.memory import MemoryStorage
from messaging_core import Channel, MessageQuery, Messenger, Rejection, text, to
from messaging_core.aio import AsyncMessenger
from messaging_core.errors import UnknownChannelError
from messaging_core.models import SendMessage
from messaging_core.testing import RecordingTransport

OFFERS = Channel(name="offers", platform="sms", sender="Shop")


@pytest.fixture
def messenger():
    return Messenger(storage=MemoryStorage(), channels={OFFERS: RecordingTransport()})


def requests(count, taken=None, fail_at=None):
    for number in range(count):
        if number == fail_at:
            raise LookupError("the source failed")
        if taken is not None:
            taken.append(number)
        yield SendMessage(receiver=to("12" if number == 1001 else "+31612345678"), body=text("hi"))


def stored(messenger):
    pages = [messenger.find(MessageQuery(limit=1000))]
    while pages[-1].next_page_token:
        query = MessageQuery(limit=1000, page_token=pages[-1].next_page_token)
        pages.append(messenger.find(query))
    return sum(len(page.results) for page in pages)


def test_each_request_is_answered_in_order(messenger):
    answers = list(messenger.send_each("offers", requests(1003)))

    assert [isinstance(answer, Rejection) for answer in answers] == [False] * 1001 + [True, False]
    assert answers[1001].index == 1001
    assert stored(messenger) == 1002


def test_closing_early_keeps_the_chunk_and_takes_no_more(messenger):
    taken = []
    answers = messenger.send_each("offers", requests(3000, taken))
    assert taken == []

    first = list(islice(answers, 3))
    answers.close()

    assert len(first) == 3
    assert len(taken) == stored(messenger) == 1000


def test_a_failure_in_the_middle_keeps_what_was_answered(messenger):
    answered = []

    with pytest.raises(LookupError, match="the source failed"):
        answered.extend(messenger.send_each("offers", requests(3000, fail_at=1500)))

    assert stored(messenger) == 1000


def test_an_unknown_channel_is_refused_by_the_call(messenger):
    with pytest.raises(UnknownChannelError):
        messenger.send_each("orders", requests(1))


def test_an_event_loop_gets_the_same_answers(messenger):
    async def send() -> list[object]:
        return [
            answer async for answer in AsyncMessenger(messenger).send_each("offers", requests(1003))
        ]

    answers = asyncio.run(send())

    assert len(answers) == 1003
    assert isinstance(answers[1001], Rejection)
