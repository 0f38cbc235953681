"""The contract of receipt parsers passes a right parser, and catches wrong ones."""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from attrs import evolve

from messaging_core.ports.http import HttpRequest
from messaging_core.testing import ReceiptParserContract
from testing import wrong_parsers as wrong
from testing.wrong_parsers import SIGNATURE, TIMESTAMP, Right, signature_of


class Pigeons(ReceiptParserContract):
    """How the provider of all of these parsers signs."""

    kind: type[Right] = Right
    retry_window = timedelta(hours=8)
    max_age = timedelta(hours=24)

    @pytest.fixture(autouse=True)
    def _fixtures(self, tmp_path: Path) -> None:
        write_fixtures(tmp_path)
        self.fixtures = tmp_path

    def make_parser(self, secrets: Sequence[str]) -> Right:
        return self.kind(secrets)

    def sign(self, request: HttpRequest, secret: str, at: datetime) -> HttpRequest:
        timestamp = str(int(at.timestamp()))
        signature = signature_of(secret, timestamp, request.url, request.body)
        headers = {**request.headers, SIGNATURE: signature, TIMESTAMP: timestamp}
        return evolve(request, headers=headers)


class TestRight(Pigeons):
    pass


def write_fixtures(folder: Path) -> None:
    for pigeon, word, status in [
        ("p-1", "landed", "delivered"),
        ("p-1", "lost", "failed"),
        ("p-2", "resting", None),
    ]:
        at = "2026-01-05T08:59:00+00:00"
        document = {"pigeon": pigeon, "status": word, "to": "+31600000001", "at": at}
        head = "POST https://example.test/hooks/pigeon\nContent-Type: application/json\n\n"
        expected = {"kind": "StatusReceipt", "status": status, "reference": pigeon}
        (folder / f"{word}.http").write_text(f"{head}{json.dumps(document)}\n")
        (folder / f"{word}.json").write_text(json.dumps([{**expected, "providerStatus": word}]))


CAUGHT = {
    wrong.Believes: "a_forged_request_is_refused",
    wrong.AnswersFalse: "a_forged_request_is_refused",
    wrong.BelievesASignature: "a_forged_request_is_refused",
    wrong.BelievesWithoutABody: "a_truncated_or_longer_body_is_refused_or_means_the_same",
    wrong.SignsTheTrimmedBody: "a_truncated_or_longer_body_is_refused_or_means_the_same",
    wrong.IgnoresTheUrl: "an_altered_url_is_refused_where_it_is_signed",
    wrong.NeedsNoTimestamp: "each_header_of_the_signature_is_needed",
    wrong.KnowsNoAge: "a_request_that_is_too_old_or_of_the_future_is_refused",
    wrong.IsImpatient: "a_repetition_counts_for_as_long_as_the_provider_repeats",
    wrong.BelievesTheFuture: "a_request_that_is_too_old_or_of_the_future_is_refused",
    wrong.ReadsTheClock: "every_fixture_is_read",
    wrong.KnowsOneSecret: "two_secrets_count_during_a_rotation",
    wrong.NeedsNoSecret: "no_parser_is_made_without_a_secret",
    wrong.TakesAnEmptySecret: "no_parser_is_made_without_a_secret",
    wrong.ComparesTexts: "signatures_are_not_compared_as_texts",
    wrong.ComparesTheBeginning: "rubbish_in_a_header_is_a_forgery_and_nothing_else",
    wrong.StumblesOverHeaders: "rubbish_in_a_header_is_a_forgery_and_nothing_else",
    wrong.StumblesOverTimestamps: "each_header_of_the_signature_is_needed",
    wrong.StumblesOverRubbish: "a_body_of_no_form_is_unreadable_and_nothing_else",
    wrong.StumblesOverDepth: "a_body_of_no_form_is_unreadable_and_nothing_else",
    wrong.StumblesOverLists: "a_body_of_no_form_is_unreadable_and_nothing_else",
    wrong.StumblesOverMissingFields: "a_body_of_no_form_is_unreadable_and_nothing_else",
    wrong.StumblesOverTypes: "fields_of_other_types_are_read_or_refused",
    wrong.StumblesOverInstants: "fields_of_other_types_are_read_or_refused",
    wrong.StumblesOverWords: "every_fixture_is_read",
    wrong.GuessesWords: "every_fixture_is_read",
    wrong.KeysByTime: "a_repeated_request_gives_the_same_keys",
    wrong.KeysByContent: "a_repeated_request_gives_the_same_keys",
    wrong.KeysByChance: "a_repeated_request_gives_the_same_keys",
    wrong.KeysByMessage: "a_repeated_request_gives_the_same_keys",
    wrong.KeysTwoAlike: "a_repeated_request_gives_the_same_keys",
    wrong.RemembersRequests: "nothing_is_kept_between_two_requests",
    wrong.ShowsItsSecrets: "no_secret_shows",
    wrong.TellsTheSecret: "a_forged_request_is_refused",
    wrong.TellsTheSignature: "a_forged_request_is_refused",
    wrong.TellsTheContent: "fields_of_other_types_are_read_or_refused",
    wrong.AnswersFailure: "there_is_a_name_and_an_answer_of_success",
    wrong.HasNoName: "there_is_a_name_and_an_answer_of_success",
    wrong.ReturnsOne: "every_fixture_is_read",
    wrong.ReturnsDocuments: "every_fixture_is_read",
    wrong.LosesTheReference: "every_fixture_is_read",
    wrong.ChangesTheRequest: "the_request_stays_as_it_was",
    wrong.DecodesLoosely: "a_truncated_or_longer_body_is_refused_or_means_the_same",
}
"""By wrong parser: the test that catches it."""


def test_every_wrong_parser_is_in_the_list() -> None:
    assert set(CAUGHT) == set(Right.__subclasses__())


@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
def test_a_wrong_parser_is_caught(kind: type[Right], tmp_path: Path) -> None:
    write_fixtures(tmp_path)
    contract = Pigeons()
    contract.kind = kind
    contract.fixtures = tmp_path

    test = getattr(contract, f"test_{CAUGHT[kind]}")

    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever fails a test
        test()


def test_without_fixtures_the_contract_says_so(tmp_path: Path) -> None:
    contract = Pigeons()
    contract.fixtures = tmp_path

    with pytest.raises(AssertionError, match=r"there is no file \*\.http in"):
        contract.test_every_fixture_is_read()


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        (wrong.IgnoresTheUrl, "set signs_url = False if the provider does not sign it"),
        (wrong.StumblesOverHeaders, "verify raises TypeError: raise ForgedRequestError instead"),
        (wrong.StumblesOverDepth, "parse raises RecursionError: raise UnreadableRequestError"),
        (wrong.StumblesOverInstants, "parse returns receipts that the engine refuses: /0/at"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_failure_says_what_to_do(kind: type[Right], remedy: str, tmp_path: Path) -> None:
    write_fixtures(tmp_path)
    contract = Pigeons()
    contract.kind = kind
    contract.fixtures = tmp_path

    with pytest.raises(AssertionError, match=re.escape(remedy)):
        getattr(contract, f"test_{CAUGHT[kind]}")()
