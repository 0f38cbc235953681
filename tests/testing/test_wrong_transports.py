"""The contract of transports passes right transports, and catches wrong ones."""

import gc
import json

import pytest

from messaging_core.ports.http import HttpResponse
from messaging_core.testing.contracts.transport import CONTENTS, HttpPeerContract
from testing import wrong_transports as wrong
from testing.wrong_transports import TOKEN, Right


class Post(HttpPeerContract):
    """The provider that all of these transports are for."""

    kind: type[Right] = Right
    secrets = (TOKEN,)
    patience = 10.0

    def transport_to(self, url: str) -> Right:
        return self.kind(url)

    def accepted(self, number: int) -> HttpResponse:
        return HttpResponse(status=202, body=json.dumps({"id": f"right-{number}"}).encode())

    def rejected(self, words: str) -> HttpResponse:
        return HttpResponse(status=400, body=json.dumps({"error": words}).encode())


class OverSms(Post):
    platform, content = CONTENTS[1]


class TestEmail(Post):
    splits_receivers = False


class TestSms(OverSms):
    pass


class TestPooled(OverSms):
    kind = wrong.Pooled


class TestChecked(OverSms):
    kind = wrong.Checked


class TestSdk(OverSms):
    kind = wrong.Sdk
    hands_off_first = True


class TestCarefulSdk(OverSms):
    kind = wrong.CarefulSdk


CAUGHT = {
    wrong.TellsTheAnswer: "a_refusal_is_an_outcome_and_final",
    wrong.TellsTheNumber: "a_refusal_is_an_outcome_and_final",
    wrong.TellsTheText: "a_refusal_is_an_outcome_and_final",
    wrong.TellsTheToken: "a_peer_that_is_away_leaves_no_doubt",
    wrong.ShowsTheToken: "its_repr_shows_no_address",
    wrong.ShowsTheLastReceiver: "its_repr_shows_no_address",
    wrong.WritesSeveralLines: "a_refusal_is_an_outcome_and_final",
    wrong.KeepsTheEnvelope: "a_message_that_comes_between_changes_nothing",
    wrong.KeepsTheBody: "each_message_goes_to_its_own_receiver",
    wrong.KeepsTheAnswer: "threads_do_not_mix_messages_up",
    wrong.SharesAConnection: "many_threads_may_use_it_at_once",
    wrong.DefersAReset: "a_peer_that_hangs_up_instead_of_answering_leaves_doubt",
    wrong.RetriesAReset: "a_peer_that_hangs_up_instead_of_answering_leaves_doubt",
    wrong.RetriesWhenBusy: "a_peer_that_is_busy_defers_the_message",
    wrong.RejectsForNow: "a_refusal_is_an_outcome_and_final",
    wrong.DefersForGood: "a_refusal_is_an_outcome_and_final",
    wrong.RejectsWhenBusy: "a_peer_that_is_busy_defers_the_message",
    wrong.DoubtsSurely: "silence_after_the_point_of_no_return_is_doubt",
    wrong.TakesARefusalForSuccess: "a_refusal_is_an_outcome_and_final",
    wrong.WaitsForEver: "silence_after_the_point_of_no_return_is_doubt",
    wrong.LetsTimeOutsEscape: "silence_after_the_point_of_no_return_is_doubt",
    wrong.RejectsSilence: "silence_after_the_point_of_no_return_is_doubt",
    wrong.RaisesWhenAway: "a_peer_that_is_away_leaves_no_doubt",
    wrong.AsksLate: "leave_is_asked_once_before_the_message_goes",
    wrong.AsksAfterTheFirstBytes: "no_byte_of_the_body_goes_before_leave_is_given",
    wrong.AsksTwice: "leave_is_asked_once_before_the_message_goes",
    wrong.NeverAsks: "leave_is_asked_once_before_the_message_goes",
    wrong.AsksTooEarly: "a_peer_that_is_away_leaves_no_doubt",
    wrong.AsksForWhatItCannotCarry: "every_kind_of_content_gets_an_answer",
    wrong.NeedsASender: "a_message_without_a_sender_gets_an_answer",
    wrong.RaisesOnOtherContent: "every_kind_of_content_gets_an_answer",
    wrong.SwallowsWithdrawn: "a_withdrawn_message_does_not_go",
    wrong.SendsTheWithdrawn: "a_withdrawn_message_does_not_go",
    wrong.TranslatesTheMark: "a_message_whose_mark_failed_does_not_go",
    wrong.BreaksWhenWithdrawn: "it_goes_on_after_a_withdrawn_message",
    wrong.NamesNoReference: "an_acceptance_carries_references_that_are_text",
    wrong.NamesOneTextOfReferences: "an_acceptance_carries_references_that_are_text",
    wrong.AnswersForAStranger: "an_email_to_several_receivers_answers_for_each",
    wrong.AnswersForTheFirst: "an_email_to_several_receivers_answers_for_each",
    wrong.ReadsWithoutLimit: "an_answer_without_end_is_given_up_in_size",
    wrong.ReadsWithoutEnd: "an_answer_without_end_is_given_up_in_time",
    wrong.BreaksOnGarbage: "an_answer_that_cannot_be_read_leaves_doubt",
    wrong.FollowsRedirects: "a_redirect_is_not_followed",
    wrong.IgnoresRetryAfter: "a_time_to_wait_is_read",
    wrong.WaitsItself: "a_peer_that_is_busy_defers_the_message",
    wrong.TrustsAGateway: "a_gateway_that_gives_up_leaves_doubt",
    wrong.ChangesTheEnvelope: "it_changes_nothing_in_the_envelope",
    wrong.LeaksThreads: "many_messages_leave_nothing_open",
    wrong.HoldsTheProcess: "many_messages_leave_nothing_open",
    wrong.LeaksConnections: "many_messages_leave_nothing_open",
    wrong.LeaksWhenItFails: "failures_leave_nothing_open",
    wrong.KeepsADeadConnection: "a_connection_that_the_peer_closed_is_opened_again",
    wrong.LogsTheText: "it_prints_and_logs_nothing_of_a_message",
    wrong.PrintsTheReceiver: "it_prints_and_logs_nothing_of_a_message",
    wrong.LogsFailures: "it_prints_and_logs_nothing_of_a_message_that_fails",
    wrong.RaisesInACheck: "a_check_of_a_peer_that_is_away_says_so",
    wrong.TrustsACheck: "a_check_of_a_peer_that_is_away_says_so",
    wrong.TakesSilenceForAbsence: "a_look_up_at_a_peer_that_is_away_knows_nothing",
    wrong.SendsTwice: "an_accepted_message_arrives_once",
    wrong.MixesReceivers: "each_message_goes_to_its_own_receiver",
}
"""Each wrong transport, and the test of the contract that catches it."""

ON_EMAIL = {wrong.AnswersForAStranger, wrong.AnswersForTheFirst, wrong.ChangesTheEnvelope}


def test_every_wrong_transport_is_in_the_table() -> None:
    kinds = {kind for kind in vars(wrong).values() if isinstance(kind, type)}
    right = {Right, wrong.Sdk, wrong.CarefulSdk, wrong.Pooled, wrong.Checked}
    transports = {kind for kind in kinds if issubclass(kind, Right)}

    assert transports - right == set(CAUGHT)
    assert len(CAUGHT) >= 33


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # some leak
@pytest.mark.parametrize("kind", CAUGHT, ids=lambda kind: kind.__name__)
def test_a_wrong_transport_is_caught(kind: type[Right]) -> None:
    case = Post() if kind in ON_EMAIL else OverSms()
    case.kind = kind
    case.patience = 2.5

    try:
        with pytest.raises((AssertionError, OSError, ValueError, KeyError)):
            getattr(case, f"test_{CAUGHT[kind]}")()
    finally:
        case.teardown_method()
        gc.collect()
