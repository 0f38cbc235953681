"""What becomes of messages when the message centre does not simply take them."""

import multiprocessing
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
import trustme

from messaging_adapters.transports.sms.smpp import SmppTransport
from messaging_core.models.common.channel import SMS
from messaging_core.models.common.failure import FailureCode, Retry
from messaging_core.models.delivery.outcome import Accepted, Deferred, Rejected, Unknown
from messaging_core.models.delivery.transport_check import CheckStatus
from messaging_core.models.messages.envelope import Envelope, SmsContent
from messaging_core.rules import split_sms
from messaging_core.testing.contracts.transport import Leave, an_envelope

LONG = "0123456789" * 40  # three parts


def an_sms(text: str = "hi") -> Envelope:
    return an_envelope(SMS, SmsContent(sms=split_sms(text)))


def test_a_throttled_message_is_deferred_and_goes_later(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="throttle", throttle=1)
    transport = connect(centre)

    first, second = (transport.send(an_sms(), Leave()) for _ in range(2))

    assert isinstance(first, Deferred)
    assert first.failure.retry is Retry.THROTTLED
    assert first.retry_after == timedelta(seconds=1)
    assert isinstance(second, Accepted)


def test_only_parts_that_were_not_taken_go_again(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="throttle", throttle=1)
    transport, envelope = connect(centre, window=1), an_sms(LONG)

    outcome = transport.send(envelope, Leave())
    again = transport.send(envelope, Leave())

    assert isinstance(outcome, Deferred)
    assert isinstance(again, Accepted)
    parts = [event["udh"][0] for event in centre.of("submit_sm")]
    assert parts[0] == parts[1]  # refused, and no other part after it
    assert len(parts) == 4
    assert len({part[:-2] for part in parts}) == 1  # one reference for both tries


def test_parts_that_were_taken_keep_their_references(start_centre: Any, connect: Any) -> None:
    centre = start_centre()
    transport, envelope = connect(centre, window=3), an_sms(LONG)
    centre.set(mode="nth", refuse=[2], status=0x58)

    outcome = transport.send(envelope, Leave())
    centre.set(mode="ok")
    again = transport.send(envelope, Leave())

    assert isinstance(outcome, Deferred)
    assert outcome.failure.description.startswith("part 2 of 3: ")
    assert isinstance(again, Accepted)
    assert len(again.references) == 3
    assert centre.accepted() == 3


def test_a_lost_connection_leaves_a_message_in_doubt(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="drop")
    transport = connect(centre)

    outcome = transport.send(an_sms(), leave := Leave())

    assert isinstance(outcome, Unknown)
    assert outcome.failure.source is not None
    assert outcome.failure.source.code == "LinkLostError"
    assert leave.calls == 1


def test_a_session_that_was_lost_early_comes_back_after_a_wait(
    start_centre: Any, connect: Any
) -> None:
    centre = start_centre()
    transport = connect(centre)
    transport.send(an_sms(), Leave())
    centre.command(destroy=True)
    while transport._sessions._session.is_alive:
        sleep(0.01)

    outcome = transport.send(an_sms(), leave := Leave())
    assert isinstance(outcome, Deferred)
    assert leave.calls == 0
    assert outcome.retry_after is not None
    sleep(outcome.retry_after.total_seconds())

    assert isinstance(transport.send(an_sms(), Leave()), Accepted)


def test_a_bad_address_is_final(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="status", status=0x0B)

    outcome = connect(centre).send(an_sms(), Leave())

    assert isinstance(outcome, Rejected)
    assert outcome.failure.code == FailureCode.INVALID_RECEIVER
    assert outcome.failure.source is not None
    assert outcome.failure.source.code == "0x0B"


def test_the_host_may_read_a_status_differently(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="status", status=0x0B)
    errors = {"0x0B": {"retry": "transient", "code": "UNREACHABLE"}}

    outcome = connect(centre, errors=errors).send(an_sms(), Leave())

    assert isinstance(outcome, Deferred)
    assert outcome.failure.code == FailureCode.UNREACHABLE


def test_a_vendors_status_is_tried_again(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="status", status=0x0432)

    outcome = connect(centre).send(an_sms(), Leave())

    assert isinstance(outcome, Deferred)
    assert outcome.failure.retry is Retry.TRANSIENT


def test_a_wrong_password_is_a_matter_of_the_set_up(start_centre: Any, connect: Any) -> None:
    transport = connect(start_centre(), password="other")

    outcome = transport.send(an_sms(), leave := Leave())

    assert isinstance(outcome, Deferred)
    assert outcome.failure.retry is Retry.CONFIGURATION
    assert outcome.failure.description == "the centre does not take the password (ESME_RINVPASWD)"
    assert leave.calls == 0
    assert "other" not in repr(transport)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({}, CheckStatus.OK),
        ({"password": "other"}, CheckStatus.BAD_CREDENTIALS),
        ({"system_id": "other"}, CheckStatus.BAD_CREDENTIALS),
        ({"security": "tls", "timeout": 1}, CheckStatus.UNREACHABLE),
    ],
    ids=str,
)
def test_a_check_tells_what_is_wrong_without_sending(
    start_centre: Any, connect: Any, options: dict[str, Any], status: CheckStatus
) -> None:
    centre = start_centre()
    transport = connect(centre, **options)

    checks = [transport.check() for _ in range(2)]

    assert [check.status for check in checks] == [status, status]
    assert centre.of("submit_sm") == []
    assert (checks[0].failure is None) == (status is CheckStatus.OK)


def test_a_check_finds_that_the_centre_is_away(connect: Any, free_port: int) -> None:
    assert connect(free_port).check().status is CheckStatus.UNREACHABLE


def test_a_failed_bind_is_not_repeated_at_once(start_centre: Any, connect: Any) -> None:
    centre = start_centre()
    transport = connect(centre, password="other")

    outcomes = [transport.send(an_sms(), Leave()) for _ in range(10)]

    assert {type(outcome) for outcome in outcomes} == {Deferred}
    assert len(centre.of("bind")) == 1


def test_a_second_bind_may_be_one_too_many(start_centre: Any, connect: Any) -> None:
    centre = start_centre(binds=1)
    first, second = connect(centre), connect(centre)

    assert isinstance(first.send(an_sms(), Leave()), Accepted)
    outcome = second.send(an_sms(), Leave())

    assert isinstance(outcome, Deferred)
    assert outcome.failure.source is not None
    assert outcome.failure.source.code == "0x05"


def test_two_binds_of_one_account_send_side_by_side(start_centre: Any, connect: Any) -> None:
    centre = start_centre(receipts=False)
    transports = [connect(centre), connect(centre)]

    with ThreadPoolExecutor(8) as pool:
        sent = pool.map(lambda at: transports[at % 2].send(an_sms(), Leave()), range(40))

    assert {type(outcome) for outcome in sent} == {Accepted}
    assert len(centre.of("bind")) == 2


def test_a_window_of_one_sends_one_at_a_time(start_centre: Any, connect: Any) -> None:
    centre = start_centre(delay=30, receipts=False)
    transport = connect(centre, window=1)
    began = monotonic()

    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: transport.send(an_sms(), Leave()), range(6)))

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert monotonic() - began > 0.15


def test_a_full_window_defers(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="silent")
    transport = connect(centre, window=1, timeout=timedelta(seconds=0.5), response_timeout=3)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(transport.send, an_sms(), Leave())
        centre.wait("submit_sm")

        outcome = transport.send(an_sms(), leave := Leave())

        assert isinstance(outcome, Deferred)
        assert leave.calls == 0
        assert isinstance(waiting.result(), Unknown)


def test_a_centre_that_answers_nothing_is_left(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="silent")
    transport = connect(centre, window=1, timeout=0.3, response_timeout=0.2)
    transport.send(an_sms(), Leave())

    transport.send(an_sms(), Leave())

    centre.wait("close")


def test_a_silent_link_is_probed(start_centre: Any, connect: Any) -> None:
    centre = start_centre(receipts=False)
    transport = connect(centre, idle=0.2)
    transport.send(an_sms(), Leave())

    centre.wait("enquire_link", 3)

    assert centre.of("close") == []


def test_a_link_that_answers_no_probe_is_dropped(start_centre: Any, connect: Any) -> None:
    centre = start_centre(deaf=True, receipts=False)
    transport = connect(centre, idle=0.2, timeout=0.3)
    transport.send(an_sms(), Leave())

    centre.wait("close")


def test_close_waits_for_answers_and_takes_leave(start_centre: Any, connect: Any) -> None:
    centre = start_centre(delay=300, receipts=False)
    transport = connect(centre)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(transport.send, an_sms(), Leave())
        centre.wait("submit_sm")

        transport.close()

        assert isinstance(waiting.result(), Accepted)
    centre.wait("unbind")
    outcome = transport.send(an_sms(), leave := Leave())
    assert isinstance(outcome, Deferred)
    assert leave.calls == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("smpp")]


def test_an_unbind_of_the_centre_ends_the_session(start_centre: Any, connect: Any) -> None:
    centre = start_centre(mode="silent")
    transport = connect(centre)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(transport.send, an_sms(), Leave())
        centre.wait("submit_sm")

        centre.command(unbind=True)

        assert isinstance(waiting.result(10), Unknown)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def test_it_sends_over_tls(
    start_centre: Any, connect: Any, authority: trustme.CA, tmp_path: Any
) -> None:
    issued = authority.issue_cert("127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    centre = start_centre(cert=str(cert), key=str(key), receipts=False)
    context = ssl.create_default_context()
    authority.configure_trust(context)

    transport = connect(centre, security="tls", ssl_context=context)
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: transport.send(an_sms(LONG), Leave()), range(50)))
    stranger = connect(centre, security="tls").send(an_sms(), leave := Leave())

    assert {type(outcome) for outcome in outcomes} == {Accepted}
    assert centre.accepted() == 150
    assert isinstance(stranger, Deferred)
    assert stranger.failure.retry is Retry.CONFIGURATION
    assert leave.calls == 0


def test_tls_with_a_centre_without_it_fails(start_centre: Any, connect: Any) -> None:
    centre = start_centre()

    outcome = connect(centre, security="tls", timeout=1).send(an_sms(), leave := Leave())

    assert isinstance(outcome, Deferred)
    assert leave.calls == 0


def _send_in_child(transport: SmppTransport, answers: Any) -> None:
    outcome = transport.send(an_sms(), Leave())
    transport.close()
    answers.put(type(outcome).__name__)


def test_a_child_process_makes_a_bind_of_its_own(start_centre: Any, connect: Any) -> None:
    centre = start_centre(receipts=False)
    transport = connect(centre)
    transport.send(an_sms(), Leave())
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()

    child = fork.Process(target=_send_in_child, args=(transport, answers))
    child.start()
    answer = answers.get(timeout=20)
    child.join(20)

    assert answer == "Accepted"
    assert isinstance(transport.send(an_sms(), Leave()), Accepted)
    assert len(centre.wait("bind", 2)) == 2
    assert len(centre.of("unbind")) == 1
