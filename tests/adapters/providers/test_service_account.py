"""Access tokens of a service account: asked for, kept, renewed, refused."""

import json
import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from google_peer import EMAIL, GooglePeer, account_json, claims_of
from messaging_adapters.http_clients.urllib3_client import Urllib3Client
from messaging_adapters.providers.service_account import AuthorizedClient, ServiceAccount
from messaging_core.errors import ConfigurationError, HttpError
from messaging_core.ports.http import HttpFault, HttpRequest, HttpResponse
from messaging_core.testing import ManualClock
from messaging_core.testing.http_peer import Misbehaviour

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
MESSAGE = b'{"message": {}}'


@pytest.fixture
def google() -> Iterator[GooglePeer]:
    peer = GooglePeer()
    yield peer
    peer.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def client(google: GooglePeer, clock: ManualClock) -> Iterator[AuthorizedClient]:
    inner = Urllib3Client(timeout=timedelta(seconds=0.5))
    yield AuthorizedClient(inner, ServiceAccount(google.account()), SCOPE, clock)
    inner.close()


def a_message(google: GooglePeer) -> HttpRequest:
    return HttpRequest(method="POST", url=f"{google.peer.url}/send", body=MESSAGE)


def refusing(status: int, **answer: object) -> Any:
    return lambda: HttpResponse(status=status, body=json.dumps(answer).encode())


def test_the_grant_is_signed_with_the_key_of_the_account(
    google: GooglePeer, client: AuthorizedClient, clock: ManualClock
) -> None:
    client.send(a_message(google))

    head, claims = claims_of(google.grants[0])
    now = int(clock.now().timestamp())
    assert head == {"alg": "RS256", "typ": "JWT", "kid": "1f2e3d"}
    assert claims == {
        "iss": EMAIL,
        "scope": SCOPE,
        "aud": f"{google.peer.url}/token",
        "iat": now,
        "exp": now + 3600,
    }


def test_a_token_serves_until_five_minutes_before_its_end(
    google: GooglePeer, client: AuthorizedClient, clock: ManualClock
) -> None:
    counts = []
    for minutes in (0, 54, 0.9, 0.2, 54):
        clock.advance(minutes=minutes)
        client.send(a_message(google))
        counts.append(len(google.grants))

    assert counts == [1, 1, 1, 2, 2]


def test_one_thread_renews_for_all(google: GooglePeer, client: AuthorizedClient) -> None:
    threads = [threading.Thread(target=client.send, args=[a_message(google)]) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(google.grants) == 1
    assert len(google.messages) == 12


def test_a_token_that_is_not_known_any_more_is_renewed_once(
    google: GooglePeer, client: AuthorizedClient
) -> None:
    marks: list[int] = []
    client.send(a_message(google))
    google.good.clear()

    response = client.send(a_message(google), before_body=lambda: marks.append(1))

    assert response.status == 200
    assert (len(google.grants), len(marks)) == (2, 1)


def test_an_answer_that_stays_401_is_the_answer(
    google: GooglePeer, client: AuthorizedClient
) -> None:
    google.grant = refusing(200, access_token="unknown", expires_in=3599)

    response = client.send(a_message(google))

    assert response.status == 401
    assert len(google.grants) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_grant_is_told_in_the_words_of_google_and_nothing_is_sent(
    google: GooglePeer, client: AuthorizedClient, status: int
) -> None:
    said = "Account sender@shop.example is gone"
    google.grant = refusing(status, error="invalid_grant", error_description=said)

    with pytest.raises(HttpError) as caught:
        client.send(a_message(google), before_body=lambda: pytest.fail("was handed over"))

    error = caught.value
    assert error.problem == (
        f"no access token: the token endpoint answered {status}: invalid_grant:"
        " Account [address] is gone"
    )
    assert (error.fault, error.may_be_sent) == (HttpFault.UNAUTHORIZED, False)
    assert google.messages == []


@pytest.mark.parametrize(
    "grant",
    [
        refusing(500),
        refusing(429),
        refusing(200),
        refusing(200, access_token="a", expires_in="3599"),
        refusing(200, access_token="a", expires_in=0),
        refusing(200, access_token="a\r\nx: y", expires_in=3599),
        refusing(200, access_token="", expires_in=3599),
        lambda: HttpResponse(status=200, body=b"<html>"),
        lambda: HttpResponse(status=302, headers={"location": "https://evil.example"}),
        lambda: Misbehaviour.SILENT,
        lambda: Misbehaviour.RESET,
        lambda: Misbehaviour.GARBAGE,
    ],
)
def test_a_token_endpoint_that_is_away_leaves_no_doubt(
    google: GooglePeer, client: AuthorizedClient, grant: Any
) -> None:
    google.grant = grant

    with pytest.raises(HttpError) as caught:
        client.send(a_message(google), before_body=lambda: pytest.fail("was handed over"))

    assert not caught.value.may_be_sent
    assert "access token" in caught.value.problem or "token endpoint" in caught.value.problem
    assert google.messages == []
    google.grant = None
    assert client.send(a_message(google)).status == 200


def test_a_good_token_serves_while_it_cannot_be_renewed(
    google: GooglePeer, client: AuthorizedClient, clock: ManualClock
) -> None:
    client.send(a_message(google))
    statuses, grants = [], []
    for grant, seconds in [
        (refusing(503), 3300),
        (refusing(503), 1),
        (refusing(400), 30),
        (refusing(400), 600),
        (None, 1),
    ]:
        google.grant = grant
        clock.advance(seconds=seconds)
        statuses.append(_status_or_fault(client, google))
        grants.append(len(google.grants))

    assert statuses == [200, 200, 200, "unauthorized", 200]
    assert grants == [2, 2, 3, 4, 5]


def _status_or_fault(client: AuthorizedClient, google: GooglePeer) -> int | str:
    try:
        return client.send(a_message(google)).status
    except HttpError as error:
        return error.fault


def test_threads_that_waited_share_one_failure(
    google: GooglePeer, client: AuthorizedClient
) -> None:
    google.grant = lambda: Misbehaviour.SILENT
    failures: list[HttpError] = []

    def send() -> None:
        try:
            client.send(a_message(google))
        except HttpError as error:
            failures.append(error)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len(failures) == 8
    assert len({id(error) for error in failures}) == 8
    assert len(google.grants) < 8


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_forked_during_a_renewal_goes_on(
    google: GooglePeer, client: AuthorizedClient
) -> None:
    client.send(a_message(google))
    with client._lock:
        child = os.fork()
        if not child:
            google.good.clear()  # of the child alone: the parent's server goes on
            client._token = None
            client._last = HttpResponse(status=401)
            os._exit(0 if client.send(a_message(google)).status == 200 else 1)
        _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    assert len(google.grants) == 2


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "/etc/key.json",
        "[" * 100_000,
        account_json("http://token.example/token"),
        account_json("https://token.example/token", private_key="s3cret"),
        account_json("https://token.example/token", client_email=None),
    ],
    ids=range(8),
)
def test_what_is_no_key_of_an_account_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ServiceAccount(text)

    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nothing_secret_is_shown(google: GooglePeer, client: AuthorizedClient) -> None:
    client.send(a_message(google))

    shown = f"{ServiceAccount(google.account())!r} {client!r} {client._token!r}"

    assert "PRIVATE KEY" not in shown
    assert "ya29" not in shown


def test_a_path_is_refused_with_how_to_read_the_file() -> None:
    with pytest.raises(ConfigurationError, match=r"in a shell: \"\$\(cat FILE\)\""):
        ServiceAccount("service-account.json")
