"""A right transport, and many that each break one promise, for the tests of the kit."""
# ruff: noqa: ARG002 - what is wrong is often what is left out

import json
import logging
import socket
import threading
import time
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, ClassVar
from urllib.parse import urlsplit

from attrs import evolve

from messaging_core.errors import Withdrawn
from messaging_core.models.common.failure import Failure, FailureCode, FailureSource, Retry
from messaging_core.models.delivery.outcome import (
    Accepted,
    Deferred,
    Outcome,
    PerRecipient,
    Rejected,
    Unknown,
)
from messaging_core.models.delivery.transport_check import CheckStatus, TransportCheck
from messaging_core.models.messages.envelope import EmailContent, Envelope, SmsContent
from messaging_core.ports.transport import Capabilities, Handoff, Transport

TOKEN = "tok-5f2a9c71e0"
LIMIT = 1024 * 1024
MEANINGS: dict[int, tuple[Any, FailureCode, Retry]] = {
    400: (Rejected, FailureCode.INVALID_INPUT, Retry.PERMANENT),
    429: (Deferred, FailureCode.THROTTLED, Retry.THROTTLED),
    503: (Deferred, FailureCode.TRANSIENT, Retry.TRANSIENT),
}
IN_DOUBT = (Unknown, FailureCode.IN_DOUBT, Retry.AMBIGUOUS)
AWAY = (Deferred, FailureCode.UNREACHABLE, Retry.TRANSIENT)
UNSUPPORTED = (Rejected, FailureCode.UNSUPPORTED_TYPE, Retry.PERMANENT)


class Right(Transport):
    """Post a message as JSON: it connects, calls `handoff()`, sends and reads the answer."""

    name = "right"
    capabilities = Capabilities(receipts=True)
    carries: tuple[type, ...] = (SmsContent, EmailContent)

    def __init__(self, url: str, timeout: float = 1.0) -> None:
        parts = urlsplit(url)
        self.host, self.port, self.timeout = parts.hostname or "", parts.port, timeout

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        if not isinstance(envelope.content, self.carries):
            return self.failed(UNSUPPORTED, "it carries SMS and email only")
        connection = self.connection()
        try:
            connection.connect()
        except OSError as error:
            return self.failed(AWAY, "no connection", type(error).__name__)
        try:
            return self.hand_over(connection, envelope, handoff)
        finally:
            connection.close()

    def connection(self) -> HTTPConnection:
        return HTTPConnection(self.host, self.port, timeout=self.timeout)

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        handoff()
        return self.post(connection, envelope)

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        try:
            self.request(connection, envelope)
            response = connection.getresponse()
            answer = self.read(response)
        except (OSError, HTTPException) as error:
            return self.failed(IN_DOUBT, "no answer", type(error).__name__)
        return self.outcome(envelope, response, answer)

    def request(self, connection: HTTPConnection, envelope: Envelope) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request("POST", "/messages", self.body(envelope), headers)

    def body(self, envelope: Envelope) -> bytes:
        to = [receiver.value for receiver in envelope.receivers]
        return json.dumps({"to": to, "text": envelope.content.text}).encode()

    def read(self, response: HTTPResponse) -> bytes:
        end, answer = time.monotonic() + self.timeout, b""
        while chunk := response.read1(65_536):
            answer += chunk
            if len(answer) > LIMIT or time.monotonic() > end:
                raise TimeoutError
        return answer

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        if 200 <= response.status < 300:
            return self.accepted(answer)
        meaning = MEANINGS.get(response.status, IN_DOUBT)
        outcome = self.failed(meaning, "the provider refused it", str(response.status))
        wait = response.headers.get("retry-after", "")
        if isinstance(outcome, Deferred) and wait.isdigit():
            return evolve(outcome, retry_after=timedelta(seconds=int(wait)))
        return outcome

    def accepted(self, answer: bytes) -> Outcome:
        try:
            reference = json.loads(answer)["id"]
        except (ValueError, TypeError, KeyError, RecursionError):
            reference = None
        if not isinstance(reference, str):
            return self.failed(IN_DOUBT, "the answer cannot be read")
        return Accepted(references=(reference,))

    def failed(self, meaning: tuple[Any, int, Retry], text: str, code: str = "") -> Outcome:
        kind, failure_code, retry = meaning
        source = FailureSource(name=self.name, code=code)
        failure = Failure(code=failure_code, description=text, source=source, retry=retry)
        outcome: Outcome = kind(failure=failure)
        return outcome


class Sdk(Right):
    """Wrap a call that connects and sends in one: it calls `handoff()` first."""

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        if not isinstance(envelope.content, self.carries):
            return self.failed(UNSUPPORTED, "it carries SMS and email only")
        handoff()
        connection = self.connection()
        try:
            return self.post(connection, envelope)
        finally:
            connection.close()


class CarefulSdk(Sdk):
    """The same around an SDK that says when it never connected."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        try:
            connection.connect()
        except OSError as error:
            return self.failed(AWAY, "no connection", type(error).__name__)
        return super().post(connection, envelope)


class Pooled(Right):
    """Keep connections alive between messages, and close them in the end."""

    def __init__(self, url: str, timeout: float = 1.0) -> None:
        super().__init__(url, timeout)
        self.idle: list[HTTPConnection] = []
        self.lock = threading.Lock()

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        if not isinstance(envelope.content, self.carries):
            return self.failed(UNSUPPORTED, "it carries SMS and email only")
        try:
            connection = self.connected()
        except OSError as error:
            return self.failed(AWAY, "no connection", type(error).__name__)
        try:
            outcome = self.hand_over(connection, envelope, handoff)
        except BaseException:
            connection.close()
            raise
        if isinstance(outcome, Accepted):
            with self.lock:
                self.idle.append(connection)
        else:
            connection.close()
        return outcome

    def connected(self) -> HTTPConnection:
        with self.lock:
            connection = self.idle.pop() if self.idle else self.connection()
        if connection.sock is None or is_closed(connection.sock):
            connection.close()
            connection.connect()
        return connection

    def read(self, response: HTTPResponse) -> bytes:
        answer = super().read(response)
        response.close()  # or the connection cannot be used again
        return answer

    def close(self) -> None:
        while self.idle:
            self.idle.pop().close()


def is_closed(sock: socket.socket) -> bool:
    sock.settimeout(0)
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    finally:
        sock.settimeout(1.0)


# What follows breaks one promise each; the first line says which.


class TellsTheAnswer(Right):
    """Put the provider's words, with the phone number in them, into the failure."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        outcome = super().outcome(envelope, response, answer)
        if isinstance(outcome, Accepted):
            return outcome
        words = answer.decode().replace("\n", " ")[:400]
        return evolve(outcome, failure=evolve(outcome.failure, description=words))


class TellsTheNumber(Right):
    """Name the receiver in the code of the failure's source."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        outcome = super().post(connection, envelope)
        if isinstance(outcome, Accepted):
            return outcome
        source = FailureSource(name=self.name, code=f"no route to {envelope.to}")
        return evolve(outcome, failure=evolve(outcome.failure, source=source))


class TellsTheText(Right):
    """Repeat the text of the message in a failure."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        outcome = super().post(connection, envelope)
        if isinstance(outcome, Accepted):
            return outcome
        description = f"not sent: {envelope.content.text}"
        return evolve(outcome, failure=evolve(outcome.failure, description=description))


class TellsTheToken(Right):
    """Name the URL that it could not reach, with the token in it."""

    def failed(self, meaning: tuple[Any, int, Retry], text: str, code: str = "") -> Outcome:
        return super().failed(meaning, f"{text}: /bot/{TOKEN}/send", code)


class ShowsTheToken(Right):
    """Show the token in `repr`."""

    def __repr__(self) -> str:
        return f"ShowsTheToken({self.host!r}, token={TOKEN!r})"


class ShowsTheLastReceiver(Right):
    """Show the last receiver in `repr`."""

    last = ""

    def request(self, connection: HTTPConnection, envelope: Envelope) -> None:
        self.last = f"kerfuffle{envelope.to}"
        super().request(connection, envelope)

    def __repr__(self) -> str:
        return f"ShowsTheLastReceiver({self.last})"


class WritesSeveralLines(Right):
    """Describe a failure in several lines."""

    def failed(self, meaning: tuple[Any, int, Retry], text: str, code: str = "") -> Outcome:
        return super().failed(meaning, f"it failed:\n{text}", code)


class KeepsTheEnvelope(Right):
    """Keep the envelope on `self` until leave is given."""

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        self.envelope = envelope
        handoff()
        return self.post(connection, self.envelope)


class KeepsTheBody(Right):
    """Build the body of the first message, and send it with every other one."""

    built: bytes = b""

    def body(self, envelope: Envelope) -> bytes:
        self.built = self.built or super().body(envelope)
        return self.built


class KeepsTheAnswer(Right):
    """Keep the answer on `self` between reading it and understanding it."""

    def read(self, response: HTTPResponse) -> bytes:
        self.answer = super().read(response)
        time.sleep(0.002)
        return self.answer


class SharesAConnection(Right):
    """Use one connection for all threads."""

    shared: HTTPConnection | None = None

    def connection(self) -> HTTPConnection:
        self.shared = self.shared or super().connection()
        return self.shared


class DefersAReset(Right):
    """Take a connection that was reset for a message that was not sent."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        try:
            self.request(connection, envelope)
            response = connection.getresponse()
            answer = self.read(response)
        except ConnectionError as error:
            return self.failed(AWAY, "the connection was lost", type(error).__name__)
        except (OSError, HTTPException) as error:
            return self.failed(IN_DOUBT, "no answer", type(error).__name__)
        return self.outcome(envelope, response, answer)


class RetriesAReset(Right):
    """Send again when the connection was reset."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        outcome = super().post(connection, envelope)
        if isinstance(outcome, Unknown):
            connection.close()
            return super().post(connection, envelope)
        return outcome


class RetriesWhenBusy(Right):
    """Try three times when the provider is busy."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        for _ in range(3):
            outcome = super().post(connection, envelope)
            if not isinstance(outcome, Deferred):
                break
        return outcome


class RejectsForNow(Right):
    """Reject with the class of a failure that passes."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        outcome = super().outcome(envelope, response, answer)
        if isinstance(outcome, Rejected):
            return Rejected(failure=evolve(outcome.failure, retry=Retry.TRANSIENT))
        return outcome


class DefersForGood(Right):
    """Defer what the provider refused for good."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        outcome = super().outcome(envelope, response, answer)
        return Deferred(failure=outcome.failure) if isinstance(outcome, Rejected) else outcome


class RejectsWhenBusy(Right):
    """Reject for good what the provider would take later."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        outcome = super().outcome(envelope, response, answer)
        if isinstance(outcome, Deferred):
            return self.failed((Rejected, 15002, Retry.PERMANENT), "busy")
        return outcome


class DoubtsSurely(Right):
    """Call doubt what is certain: the class does not go with the outcome."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        outcome = super().post(connection, envelope)
        if isinstance(outcome, Unknown):
            return Unknown(failure=evolve(outcome.failure, retry=Retry.TRANSIENT))
        return outcome


class TakesARefusalForSuccess(Right):
    """Accept whatever the status of the answer is."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        return Accepted(references=("r-1",))


class WaitsForEver(Right):
    """Have no time-out."""

    def connection(self) -> HTTPConnection:
        return HTTPConnection(self.host, self.port, timeout=None)


class LetsTimeOutsEscape(Right):
    """Let the time-out error pass."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        self.request(connection, envelope)
        response = connection.getresponse()
        return self.outcome(envelope, response, self.read(response))


class RejectsSilence(Right):
    """Take silence for a refusal."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        outcome = super().post(connection, envelope)
        if isinstance(outcome, Unknown):
            return self.failed((Rejected, 15002, Retry.PERMANENT), "no answer")
        return outcome


class RaisesWhenAway(Right):
    """Raise when the provider is not there."""

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        connection = self.connection()
        connection.connect()
        try:
            return self.hand_over(connection, envelope, handoff)
        finally:
            connection.close()


class AsksLate(Right):
    """Call `handoff()` when the answer is there."""

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        outcome = self.post(connection, envelope)
        handoff()
        return outcome


class AsksAfterTheFirstBytes(Right):
    """Call `handoff()` after the first bytes of the body."""

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        body = self.body(envelope)
        connection.putrequest("POST", "/messages")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:1])
        handoff()
        connection.send(body[1:])
        response = connection.getresponse()
        return self.outcome(envelope, response, self.read(response))


class AsksTwice(Right):
    """Call `handoff()` twice."""

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        handoff()
        return super().hand_over(connection, envelope, handoff)


class NeverAsks(Right):
    """Never call `handoff()`."""

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        return self.post(connection, envelope)


class AsksTooEarly(Sdk):
    """Call `handoff()` before it connects, and leave doubt where there is none."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        connection.timeout = self.timeout
        return super().post(connection, envelope)


class AsksForWhatItCannotCarry(Right):
    """Call `handoff()` for content that it cannot carry, and then forget the rest."""

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        handoff()
        if not isinstance(envelope.content, self.carries):
            return Unknown(failure=Failure(code=12002, description="what is this?"))
        return super().send(envelope, lambda **_: None)


class RaisesOnOtherContent(Right):
    """Raise on content that it cannot carry."""

    carries: ClassVar[tuple[type, ...]] = (object,)  # type: ignore[assignment, misc]

    def body(self, envelope: Envelope) -> bytes:
        assert isinstance(envelope.content, SmsContent)
        return super().body(envelope)


class NeedsASender(Right):
    """Take the sender of a message that has none."""

    def body(self, envelope: Envelope) -> bytes:
        return super().body(envelope) + envelope.sender.value.encode()[:0]  # type: ignore[union-attr]


class SwallowsWithdrawn(Right):
    """Make an outcome of a message that was withdrawn."""

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        try:
            return super().send(envelope, handoff)
        except Withdrawn:
            return self.failed(AWAY, "withdrawn")


class SendsTheWithdrawn(Right):
    """Send a message although leave was refused."""

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        try:
            handoff()
        finally:
            outcome = self.post(connection, envelope)
        return outcome


class TranslatesTheMark(Right):
    """Take an error of `handoff()` for one of the network."""

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        try:
            return super().hand_over(connection, envelope, handoff)
        except OSError:
            return self.failed(IN_DOUBT, "no answer")


class BreaksWhenWithdrawn(Pooled):
    """Lose its only connection when a message is withdrawn."""

    def __init__(self, url: str, timeout: float = 1.0) -> None:
        super().__init__(url, timeout)
        self.places = threading.Semaphore(1)

    def hand_over(
        self, connection: HTTPConnection, envelope: Envelope, handoff: Handoff
    ) -> Outcome:
        self.places.acquire()
        outcome = super().hand_over(connection, envelope, handoff)
        self.places.release()
        return outcome


class NamesNoReference(Right):
    """Forget the provider's id of the message."""

    def accepted(self, answer: bytes) -> Outcome:
        return Accepted()


class NamesOneTextOfReferences(Right):
    """Give the reference as text instead of a tuple."""

    def accepted(self, answer: bytes) -> Outcome:
        return Accepted(references=json.loads(answer)["id"])


class AnswersForAStranger(Right):
    """Answer for addresses that the envelope does not have."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        outcome = super().outcome(envelope, response, answer)
        if isinstance(outcome, PerRecipient | Unknown):
            return outcome
        return PerRecipient(outcomes={f"<{envelope.to}>": outcome})


class AnswersForTheFirst(Right):
    """Answer for the first of several receivers only."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        outcome = super().outcome(envelope, response, answer)
        if isinstance(outcome, PerRecipient | Unknown):
            return outcome
        return PerRecipient(outcomes={envelope.to: outcome})


class ReadsWithoutLimit(Right):
    """Read an answer of any size."""

    def read(self, response: HTTPResponse) -> bytes:
        return response.read()


class ReadsWithoutEnd(Right):
    """Bound the size of an answer, and each wait, but not the time of all."""

    def read(self, response: HTTPResponse) -> bytes:
        return response.read(LIMIT)


class BreaksOnGarbage(Right):
    """Expect every answer to be JSON with an id."""

    def accepted(self, answer: bytes) -> Outcome:
        return Accepted(references=(json.loads(answer)["id"],))


class FollowsRedirects(Right):
    """Send the message, and its token, to where a redirect points."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        location = response.headers.get("location")
        if location is None:
            return super().outcome(envelope, response, answer)
        elsewhere = type(self)(location).connection()
        try:
            return self.post(elsewhere, envelope)
        finally:
            elsewhere.close()


class IgnoresRetryAfter(Right):
    """Ignore how long the provider asks to wait."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        outcome = super().outcome(envelope, response, answer)
        return evolve(outcome, retry_after=None) if isinstance(outcome, Deferred) else outcome


class WaitsItself(Right):
    """Sleep for as long as the provider asks to wait."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        time.sleep(float(response.headers.get("retry-after", "0")))
        return super().outcome(envelope, response, answer)


class TrustsAGateway(Right):
    """Take the answer of a gateway for a message that was not sent."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        if response.status >= 500:
            return self.failed(AWAY, "a server error", str(response.status))
        return super().outcome(envelope, response, answer)


class ChangesTheEnvelope(Right):
    """Add a header to the content of the envelope."""

    def body(self, envelope: Envelope) -> bytes:
        if isinstance(envelope.content, EmailContent):
            envelope.content.headers["X-Sent-By"] = self.name  # type: ignore[index]
        return super().body(envelope)


class LeaksThreads(Right):
    """Start a thread for each message that never ends."""

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        threading.Thread(target=threading.Event().wait, args=(8,), daemon=True).start()
        return super().post(connection, envelope)


class HoldsTheProcess(Right):
    """Start one thread that is no daemon, and that no one stops."""

    thread: threading.Thread | None = None

    def post(self, connection: HTTPConnection, envelope: Envelope) -> Outcome:
        if self.thread is None:
            self.thread = threading.Thread(target=threading.Event().wait, args=(8,), daemon=False)
            self.thread.start()
        return super().post(connection, envelope)


class LeaksConnections(Right):
    """Keep every connection open."""

    def __init__(self, url: str, timeout: float = 1.0) -> None:
        super().__init__(url, timeout)
        self.opened: list[Any] = []

    def connection(self) -> HTTPConnection:
        connection = super().connection()
        connection.connect()
        self.opened.append(connection.sock)
        connection.sock = connection.sock.dup()
        connection.connect = lambda: None  # type: ignore[method-assign]
        return connection


class LeaksWhenItFails(Right):
    """Keep a connection open after each failure."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        outcome = super().outcome(envelope, response, answer)
        if isinstance(outcome, Rejected):
            self.__dict__.setdefault("opened", []).append(self.connection())
            self.__dict__["opened"][-1].connect()
        return outcome


class KeepsADeadConnection(Pooled):
    """Use a connection for ever, even one that the provider closed."""

    def send(self, envelope: Envelope, handoff: Handoff) -> Outcome:
        if not isinstance(envelope.content, self.carries):
            return self.failed(UNSUPPORTED, "it carries SMS and email only")
        if not self.idle:
            try:
                self.idle.append(self.connected())
            except OSError as error:
                return self.failed(AWAY, "no connection", type(error).__name__)
        self.idle[0].auto_open = 0
        with self.lock:
            return self.hand_over(self.idle[0], envelope, handoff)


class LogsTheText(Right):
    """Log what it sends."""

    def request(self, connection: HTTPConnection, envelope: Envelope) -> None:
        logging.getLogger("wrong").debug("sending %s", self.body(envelope))
        super().request(connection, envelope)


class PrintsTheReceiver(Right):
    """Print the receiver."""

    def request(self, connection: HTTPConnection, envelope: Envelope) -> None:
        print("sending to", envelope.to)  # noqa: T201 - that is what is wrong
        super().request(connection, envelope)


class LogsFailures(Right):
    """Log the answer of the provider, and the token with it."""

    def outcome(self, envelope: Envelope, response: HTTPResponse, answer: bytes) -> Outcome:
        if response.status >= 400:
            logging.getLogger("wrong").warning("refused: %s", answer)
        return super().outcome(envelope, response, answer)


class Checked(Right):
    """Check and look up over a connection, as a right transport does."""

    capabilities = Capabilities(receipts=True, looks_up=True)

    def check(self) -> TransportCheck:
        status = CheckStatus.OK if self.is_there() else CheckStatus.UNREACHABLE
        return TransportCheck(status=status)

    def look_up(self, envelope: Envelope) -> Outcome | None:
        return None

    def is_there(self) -> bool:
        connection = self.connection()
        try:
            connection.connect()
        except OSError:
            return False
        connection.close()
        return True


class RaisesInACheck(Checked):
    """Let the error of a check pass."""

    def is_there(self) -> bool:
        connection = self.connection()
        connection.connect()
        connection.close()
        return True


class TrustsACheck(Checked):
    """Say that all is well without asking."""

    def is_there(self) -> bool:
        return True


class TakesSilenceForAbsence(Checked):
    """Say that the provider does not have a message when it cannot be asked."""

    def look_up(self, envelope: Envelope) -> Outcome | None:
        return None if self.is_there() else self.failed(AWAY, "not found")


class SendsTwice(Right):
    """Send each message twice, to be sure."""

    def request(self, connection: HTTPConnection, envelope: Envelope) -> None:
        super().request(connection, envelope)
        self.read(connection.getresponse())
        super().request(connection, envelope)


class MixesReceivers(Right):
    """Send every message to the receiver of the first one."""

    to: list[str] | None = None

    def body(self, envelope: Envelope) -> bytes:
        self.to = self.to or [receiver.value for receiver in envelope.receivers]
        return json.dumps({"to": self.to, "text": envelope.content.text}).encode()
