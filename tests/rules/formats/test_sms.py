# ruff: noqa: RUF001 - characters that look like others are what is tested
import sys
import time
import unicodedata
from itertools import accumulate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from messaging_core.models.content.sms import ForcedCharacter, SmsEncoding
from messaging_core.rules.formats.sms import (
    encode_smartly,
    is_gsm,
    split_sms,
    to_gsm,
    with_plain_numbers,
)

GSM_7, UCS_2 = SmsEncoding.GSM_7, SmsEncoding.UCS_2

# The alphabet of 3GPP TS 23.038 in another order, written down apart from the module under test.
BASIC = set(
    "@Δ 0¡P¿p£_!1AQaq$Φ\"2BRbr¥Γ#3CScsèΛ¤4DTdtéΩ%5EUeuùΠ&6FVfvìΨ'7GWgwòΣ(8HXhxÇΘ)9IYiy"
    "\nΞ*:JZjzØ+;KÄkäøÆ,<LÖlö\ræ-=MÑmñÅß.>NÜnüåÉ/?O§oà"
)
EXTENDED = set("\f^{}\\[~]|€")

FAMILY = "\U0001f469\u200d\U0001f467"
DUTCH = "\U0001f1f3\U0001f1f1"

ordinary = st.text(alphabet=st.sampled_from("ab €[]^{}éÇ\r\n"), max_size=400)
busy = st.text(
    alphabet=st.sampled_from("a€я\r\n\u0301\u200d\ufe0f\x1b\0😀👩\U0001f3fd🇳🇱\ud83d\ude00"),
    max_size=300,
)
any_text = st.one_of(
    st.text(max_size=300),
    st.text(alphabet=st.characters(exclude_categories=()), max_size=200),
    ordinary,
    busy,
)


def length(character: str, encoding: SmsEncoding) -> int:
    if encoding is GSM_7:
        return 2 if character in EXTENDED else 1
    return 2 if ord(character) > 0xFFFF else 1


def slow_parts(text: str) -> tuple[SmsEncoding, list[str]]:
    """Split character by character: no clusters, no tricks."""
    encoding = GSM_7 if set(text) <= BASIC | EXTENDED else UCS_2
    single, multi = (160, 153) if encoding is GSM_7 else (70, 67)
    if sum(length(character, encoding) for character in text) <= single:
        return encoding, [text]
    parts, used = [""], 0
    for character in text:
        if used + length(character, encoding) > multi:
            parts, used = [*parts, ""], 0
        parts[-1] += character
        used += length(character, encoding)
    return encoding, parts


@pytest.mark.parametrize(
    ("text", "encoding", "lengths"),
    [
        ("", GSM_7, [0]),
        ("a", GSM_7, [1]),
        ("a" * 160, GSM_7, [160]),
        ("a" * 161, GSM_7, [153, 8]),
        ("a" * 306, GSM_7, [153, 153]),
        ("a" * 307, GSM_7, [153, 153, 1]),
        ("€" * 80, GSM_7, [80]),
        ("€" * 81, GSM_7, [76, 5]),
        ("a" * 152 + "€" * 10, GSM_7, [152, 10]),
        ("a" * 151 + "€" * 10, GSM_7, [152, 9]),
        ("a" * 152 + "[" * 10, GSM_7, [152, 10]),
        ("é" * 160, GSM_7, [160]),
        ("Ç" * 160, GSM_7, [160]),
        ("ç" * 160, UCS_2, [67, 67, 26]),
        ("`" * 70, UCS_2, [70]),
        ("я" * 70, UCS_2, [70]),
        ("я" * 71, UCS_2, [67, 4]),
        ("я" * 134, UCS_2, [67, 67]),
        ("я" * 135, UCS_2, [67, 67, 1]),
        ("я" * 66 + "😀" * 3, UCS_2, [66, 3]),
        ("я" * 65 + "😀" * 3, UCS_2, [66, 2]),
        ("😀" * 35, UCS_2, [35]),
        ("😀" * 36, UCS_2, [33, 3]),
        ("€" * 70 + "ç", UCS_2, [67, 4]),
        ("a" * 67 + "\x1b" * 4, UCS_2, [67, 4]),
        ("a" * 152 + "\r\n" + "a" * 20, GSM_7, [152, 22]),
        ("a" * 152 + "\r\n" + "a" * 152, GSM_7, [153, 153]),
        ("я" * 66 + "a\u0301" + "я" * 9, UCS_2, [66, 11]),
        ("я" * 66 + "e\u0301" + "я" * 66, UCS_2, [67, 67]),
        ("я" * 63 + FAMILY + "я" * 9, UCS_2, [63, 12]),
        ("я" * 65 + DUTCH + "я" * 9, UCS_2, [65, 11]),
        ("я" * 61 + DUTCH * 3, UCS_2, [63, 4]),
        ("я" * 65 + "👍\U0001f3fd" + "я" * 9, UCS_2, [65, 11]),
        ("я" * 66 + "❤\ufe0f" + "я" * 9, UCS_2, [66, 11]),
        ("я" + "\u0301" * 200, UCS_2, [67, 67, 67]),
    ],
)
def test_a_text_takes_the_parts_that_networks_bill(
    text: str, encoding: SmsEncoding, lengths: list[int]
) -> None:
    sms = split_sms(text)

    assert sms.encoding is encoding
    assert [len(part) for part in sms.parts] == lengths
    assert sms.count == len(lengths)
    assert "".join(sms.parts) == text


@pytest.mark.parametrize(
    ("text", "units"),
    [("", 0), ("a€", 3), ("\f^{}\\[~]|€", 20), ("ΔΦΓ", 3), ("ç€[", 3), ("ç😀", 3), ("\ud83d", 1)],
)
def test_units_are_septets_or_code_units(text: str, units: int) -> None:
    assert split_sms(text).units == units


@given(any_text)
def test_the_parts_joined_are_the_text(text: str) -> None:
    assert "".join(split_sms(text).parts) == text


@given(any_text)
def test_no_part_exceeds_its_limit(text: str) -> None:
    sms = split_sms(text)

    single, multi = (160, 153) if sms.encoding is GSM_7 else (70, 67)
    limit = single if sms.count == 1 else multi
    assert all(
        sum(length(character, sms.encoding) for character in part) <= limit for part in sms.parts
    )


@given(any_text)
def test_as_many_parts_as_the_slow_reference_needs_and_the_same_but_for_clusters(text: str) -> None:
    encoding, parts = slow_parts(text)

    sms = split_sms(text)

    assert sms.encoding is encoding
    assert sms.count == len(parts)
    assert sms.units == sum(length(character, encoding) for character in text)
    if not any(unicodedata.category(c)[0] in "MSC" for c in text):
        assert list(sms.parts) == parts


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_no_part_begins_or_ends_in_half_a_surrogate_pair(text: str) -> None:
    for part in split_sms(text).parts:
        assert part.encode("utf-16-le").decode("utf-16-le") == part


@given(ordinary)
def test_coded_in_septets_no_part_ends_in_an_escape(text: str) -> None:
    for part in split_sms(text).parts:
        coded = "".join("\x1b" + c if c in EXTENDED else c for c in part)

        assert len(coded) <= 160
        assert not coded.endswith("\x1b")


@given(st.lists(st.sampled_from(["ё", "e\u0301", "❤\ufe0f", "\r\n"]), min_size=60, max_size=200))
@example(["ё"] * 66 + ["❤\ufe0f"])
@example(["ё"] * 66 + ["❤\ufe0f"] + ["ё"] * 66)
def test_no_cluster_is_split_unless_keeping_all_takes_a_further_part(clusters: list[str]) -> None:
    text = "".join(clusters)
    boundaries = set(accumulate(map(len, clusters)))
    kept_whole, used = 1, 0
    for cluster in clusters:
        kept_whole, used = (
            (kept_whole + 1, len(cluster))
            if used + len(cluster) > 67
            else (kept_whole, used + len(cluster))
        )

    sms = split_sms(text)

    if sms.encoding is UCS_2 and sms.count == kept_whole:
        assert set(accumulate(map(len, sms.parts))) <= boundaries


def test_the_characters_that_forced_ucs_2_are_named_once_with_what_could_replace_them() -> None:
    sms = split_sms("ça va? «ça» “va” 😀")

    assert sms.forced == (
        ForcedCharacter(character="ç", index=0, replacement="c"),
        ForcedCharacter(character="«", index=7, replacement='"'),
        ForcedCharacter(character="»", index=10, replacement='"'),
        ForcedCharacter(character="“", index=12, replacement='"'),
        ForcedCharacter(character="”", index=15, replacement='"'),
        ForcedCharacter(character="😀", index=17, replacement=None),
    )


@given(any_text)
def test_forced_lists_each_character_outside_gsm_7_at_its_first_index(text: str) -> None:
    expected = [c for c in dict.fromkeys(text) if c not in BASIC | EXTENDED]

    forced = split_sms(text).forced

    assert [f.character for f in forced] == expected
    assert [f.index for f in forced] == [text.index(c) for c in expected]


def test_forced_is_complete_in_a_text_of_many_scripts() -> None:
    text = "a" * 500 + "".join(map(chr, range(0x4E00, 0x4E00 + 500))) + "\0\x01" + "😀😁" * 80

    forced = split_sms(text).forced

    assert len(forced) == 504
    assert forced[0] == ForcedCharacter(character="\u4e00", index=500, replacement=None)
    assert forced[-1].index == text.index("😁")


def test_forced_is_complete_when_late_lines_bring_new_letters() -> None:
    text = "".join(chr(0x430 + n) * 200 for n in range(32))

    assert [f.index for f in split_sms(text).forced] == list(range(0, 6400, 200))


def test_gsm_text_forces_nothing() -> None:
    assert split_sms("Ü" + "€[]" * 100).forced == ()


def test_a_text_of_very_many_different_astral_characters_is_split_all_the_same() -> None:
    text = "".join(map(chr, range(0x1F300, 0x1F300 + 200)))

    sms = split_sms(text)

    assert "".join(sms.parts) == text
    assert sms.units == 400


def test_no_part_ends_before_the_last_tag_of_a_flag() -> None:
    england = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"

    sms = split_sms("я" * 55 + england + "я" * 30)

    assert sms.parts == ("я" * 55, england + "я" * 30)


@pytest.mark.parametrize(
    ("character", "replacement"),
    [
        ("’", "'"),
        ("‘", "'"),
        ("“", '"'),
        ("„", '"'),
        ("–", "-"),
        ("—", "-"),
        ("…", "..."),
        ("\xa0", " "),
        ("\u202f", " "),
        ("\t", " "),
        ("\u200b", ""),
        ("\u0301", ""),
        ("ç", "c"),
        ("á", "a"),
        ("\u212b", "Å"),
        ("ł", "l"),
        ("œ", "oe"),
        ("ﬁ", "fi"),
        ("½", "1/2"),
        ("²", "2"),
        ("™", "TM"),
        ("Α", "A"),
        ("Ά", "A"),
        ("`", "'"),
        ("я", None),
        ("й", None),
        ("😀", None),
        ("中", None),
        ("\x1b", ""),
        ("\ud83d", None),
    ],
)
def test_a_character_is_replaced_by_its_nearest_equivalent(
    character: str, replacement: str | None
) -> None:
    assert split_sms(character).forced[0].replacement == replacement
    assert to_gsm(character) == (character if replacement is None else replacement)


@given(any_text)
def test_a_replacement_is_gsm_text(text: str) -> None:
    for forced in split_sms(text).forced:
        assert forced.replacement is None or is_gsm(forced.replacement)


def test_to_gsm_makes_typographic_text_fit_one_part() -> None:
    text = "“C’est déjà l’été” – œuvre à 5\xa0€…"

    assert to_gsm(text) == "\"C'est déjà l'été\" - oeuvre à 5 €..."


def test_to_gsm_keeps_the_accents_that_gsm_7_has_however_they_are_composed() -> None:
    assert to_gsm("e\u0301te\u0302") == "éte"


def test_to_gsm_leaves_alone_what_has_no_equivalent() -> None:
    assert to_gsm("“Привет” 😀") == '"Привет" 😀'


@given(any_text)
def test_to_gsm_done_twice_is_to_gsm_done_once(text: str) -> None:
    once = to_gsm(text)

    assert to_gsm(once) == once


@given(any_text)
def test_is_gsm_agrees_with_the_alphabet(text: str) -> None:
    assert is_gsm(text) == (set(text) <= BASIC | EXTENDED)


def test_exactly_the_137_characters_of_the_standard_are_gsm() -> None:
    assert {c for c in map(chr, range(sys.maxunicode + 1)) if is_gsm(c)} == BASIC | EXTENDED
    assert len(BASIC) == 127
    assert len(EXTENDED) == 10


@pytest.mark.parametrize(
    "text",
    [
        "a\u0301" + "\u0301" * 200_000,
        DUTCH * 50_000,
        "a" * 100_000 + "".join(map(chr, range(0x4E00, 0x9000))),
        "".join(map(chr, range(0x10000, 0x1FFFF))),
        "\r\n" * 100_000,
        "€" * 200_000,
    ],
)
def test_a_hostile_text_takes_time_in_proportion_to_its_length(text: str) -> None:
    started = time.process_time()

    split_sms(text)

    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "character",
    [
        *("\xad", "\u061c", "\u115f", "\u1160", "\u17b4", "\u180e", "\u200b", "\u200c", "\u200d"),
        *("\u200e", "\u200f", "\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2060"),
        *("\u2061", "\u2063", "\u2066", "\u2069", "\u206f", "\u3164", "\ufe0e", "\ufe0f"),
        *("\ufeff", "\uffa0", "\ufff9", "\U0001d173", "\U000e0001", "\U000e0100"),
        *("\0", "\x07", "\x08", "\x0e", "\x1b", "\x1f", "\x7f", "\x80", "\x84", "\x86", "\x9f"),
    ],
)
def test_invisible_characters_cost_no_part(character: str) -> None:
    text = f"Your{character} parcel{character}"

    assert to_gsm(text) == "Your parcel"
    assert [character.replacement for character in split_sms(text).forced] == [""]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (f"“{FAMILY}”", f'"{FAMILY}"'),
        ("❤\ufe0f a\ufe0f", "❤\ufe0f a"),
        ("می\u200cخواهم, a\u200cb", "می\u200cخواهم, ab"),
        ("क्\u200dष", "क्\u200dष"),
        ("\U0001f3f4\U000e0067\U000e007f", "\U0001f3f4\U000e0067\U000e007f"),
        ("1\ufe0f\u20e3", "1"),
        ("o\u200de", "oe"),
    ],
)
def test_a_joiner_stays_behind_what_stays(text: str, plain: str) -> None:
    assert to_gsm(text) == plain


def test_the_plan_names_a_joiner_as_kept_where_to_gsm_keeps_it() -> None:
    joined = {character.character: character.replacement for character in split_sms(FAMILY).forced}
    dropped = {
        character.character: character.replacement for character in split_sms("a\u200db").forced
    }

    assert joined["\u200d"] is None
    assert dropped["\u200d"] == ""


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("⁃ one", "- one"),
        ("∼5 min", "~5 min"),
        ("❝a❞ ＂b＂ 〝c〞", '"a" "b" "c"'),
        ("❛a❜ ＇b＇ ˊcˋ", "'a' 'b' 'c'"),
        ("10\ua78930 ２０％", "10:30 20%"),
        ("a⧸b⧹c∣d", "a/b\\c|d"),
        ("❨a❩ ❴b❵ ⦅c⦆", "(a) {b} (c)"),
        ("✱ a ✻ b ∗ c", "* a * b * c"),
        ("sᴍᴀʟʟ ᴄᴀᴘs", "sMALL CAPs"),
        ("ǃ ˖ ꞊ ˸", "! + = :"),
    ],
)
def test_a_look_alike_is_replaced(text: str, plain: str) -> None:
    assert to_gsm(text) == plain
    assert is_gsm(plain)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("“Hi” – ő", '"Hi" - o'),
        ("“Hi” 😀", "“Hi” 😀"),
        ("“" + "a" * 69 + "я", "“" + "a" * 69 + "я"),
        ("…" + "я" * 66, "…" + "я" * 66),
        ("\u200b" * 3 + "я" * 70, "я" * 70),
        ("see https://exämple.example/ő", "see https://xn--exmple-cua.example/%C5%91"),
        ("plain", "plain"),
    ],
)
def test_smart_encoding_replaces_where_that_saves_something(text: str, sent: str) -> None:
    assert encode_smartly(text) == sent


@given(any_text)
def test_smart_encoding_never_takes_more_parts(text: str) -> None:
    assert split_sms(encode_smartly(text)).count <= split_sms(text).count


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("1\u202f234,50\xa0€", "1 234,50 €"),
        ("\u22125 or \u2212.5", "-5 or -.5"),
        ("1\u2019234", "1'234"),
        ("it\u2019s a \u2212 b", "it\u2019s a \u2212 b"),
        ("9:00\u202fAM", "9:00 AM"),
    ],
)
def test_numbers_are_written_with_plain_blanks_and_signs(text: str, plain: str) -> None:
    assert with_plain_numbers(text) == plain


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        # The pair goes where it fits whole: 153 septets a part, 67 code units in UCS-2.
        ("x" * 151 + "\r\n" + "y" * 20, ("x" * 151 + "\r\n", "y" * 20)),
        ("x" * 152 + "\r\n" + "y" * 20, ("x" * 152, "\r\n" + "y" * 20)),
        ("я" * 65 + "\r\n" + "ж" * 20, ("я" * 65 + "\r\n", "ж" * 20)),
        ("я" * 66 + "\r\n" + "ж" * 20, ("я" * 66, "\r\n" + "ж" * 20)),
        # Kept together it would cost a third part: the phone joins it again.
        ("x" * 152 + "\r\n" + "y" * 152, ("x" * 152 + "\r", "\n" + "y" * 152)),
        ("x" * 152 + "\r\n" + "y" * 151, ("x" * 152, "\r\n" + "y" * 151)),
        # A lone carriage return is a character like any other.
        ("x" * 152 + "\r" + "y" * 20, ("x" * 152 + "\r", "y" * 20)),
    ],
)
def test_a_line_break_of_two_characters_stays_in_one_part_where_that_costs_none(
    text: str, parts: tuple[str, ...]
) -> None:
    assert split_sms(text).parts == parts
