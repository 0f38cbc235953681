"""An id in a receipt finds the id in the answer, however both are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_adapters.smpp.message_ids import IdNotation, MessageIds, canonical

ADDRESS, OTHER = "31612345678", "31687654321"


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        ("a1", "a1"),
        ("0e99ab", "E99AB"),
        ("00012", "12"),
        ("0000", "0"),
        (" a1 ", "A1"),
        ("0E99-AB12", "0e99-ab12"),
        ("aBc_x", "aBc_x"),
    ],
)
@pytest.mark.parametrize("notation", [MessageIds.AUTO, MessageIds.SAME])
def test_case_and_zeros_do_not_matter(answer: str, receipt: str, notation: MessageIds) -> None:
    ids = IdNotation(notation)

    assert ids.note(answer, ADDRESS) == ids.reference(receipt, ADDRESS)


def test_ids_that_are_no_numbers_keep_their_case() -> None:
    assert canonical("aBc_x") != canonical("abc_x")


@given(st.integers(0, 1 << 64))
def test_both_notations_are_converted(number: int) -> None:
    first = IdNotation(MessageIds.HEX_THEN_DECIMAL)
    second = IdNotation(MessageIds.DECIMAL_THEN_HEX)

    assert first.note(f"{number:08X}", ADDRESS) == first.reference(str(number), ADDRESS)
    assert second.note(str(number), ADDRESS) == second.reference(f"{number:x}", ADDRESS)


@given(st.lists(st.integers(0x1000, 1 << 40), min_size=2, unique=True))
def test_the_notation_is_learned_and_then_used(numbers: list[int]) -> None:
    ids = IdNotation(MessageIds.AUTO)
    first, *others = numbers

    assert ids.note(f"{first:x}", ADDRESS) == ids.reference(str(first), ADDRESS)
    for number in others:
        unseen = ids.reference(str(number), OTHER)  # the receipt comes before the answer
        assert unseen == ids.note(f"{number:x}", OTHER)


def test_a_receipt_that_came_before_its_answer_names_the_message() -> None:
    ids = IdNotation(MessageIds.AUTO)
    waiting = ids.reference("11259360", ADDRESS)

    reference = ids.note("ABCDE0", ADDRESS)

    assert reference == waiting == ids.reference("11259360", ADDRESS) == "11259360"
    assert ids.reference("11259361", ADDRESS) == ids.note("abcde1", ADDRESS)


def test_an_id_of_another_number_is_no_proof() -> None:
    ids = IdNotation(MessageIds.AUTO)
    ids.note("1000", ADDRESS)

    assert ids.reference("4096", OTHER) == "4096"  # which is 1000 in hexadecimal
    assert ids.reference("4097", ADDRESS) == "4097"


def test_equal_spellings_end_what_was_learned() -> None:
    ids = IdNotation(MessageIds.AUTO)
    ids.note("1000", ADDRESS)
    assert ids.reference("4096", ADDRESS) == "1000"

    ids.note("5000", ADDRESS)
    ids.reference("5000", ADDRESS)

    assert ids.reference("6000", ADDRESS) == "6000"


def test_a_single_digit_tells_nothing() -> None:
    ids = IdNotation(MessageIds.AUTO)
    ids.note("abcd", ADDRESS)
    assert ids.reference("43981", ADDRESS) == "abcd"

    ids.note("7", ADDRESS)
    assert ids.reference("7", ADDRESS) == "7"

    assert ids.reference("43982", OTHER) == "abce"


@pytest.mark.parametrize("notation", MessageIds)
def test_long_digits_are_not_taken_for_a_number(notation: MessageIds) -> None:
    ids = IdNotation(notation)

    assert ids.reference("9" * 5000, ADDRESS) == "9" * 5000
