import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.rules.formats.sms import split_sms
from messaging_core.rules.policy.stop_words import (
    CONFIRMATIONS,
    WORDS,
    Keyword,
    KeywordKind,
    confirmation_of,
    keyword_of,
)

OUT, IN, HELP = KeywordKind.OPT_OUT, KeywordKind.OPT_IN, KeywordKind.HELP
EVERY = [(word, key) for key, words in WORDS.items() for word in words]


@pytest.mark.parametrize(("word", "key"), EVERY)
def test_every_word_of_the_table_is_recognised(word: str, key: str) -> None:
    keyword = keyword_of(word)

    assert keyword is not None
    assert keyword.key == key


def test_no_word_asks_for_two_things() -> None:
    words = [word for word, _ in EVERY]

    assert len(set(words)) == len(words) == 31


@given(
    st.sampled_from(EVERY),
    st.sampled_from([str.upper, str.lower, str.title, str.swapcase]),
    st.text(" \t\n\r\u00a0\u200b.,;:!?\"'()[]<>*_-\u201c\u201d\u2026", max_size=5),
    st.text(" \t\n\r\u00a0\u200b.,;:!?\"'()[]<>*_-\u201c\u201d\u2026", max_size=5),
)
def test_case_and_what_stands_around_do_not_matter(
    entry: tuple[str, str], case: object, before: str, after: str
) -> None:
    word, key = entry
    text = before + case(word) + after  # type: ignore[operator]

    keyword = keyword_of(text)

    assert keyword is not None
    assert keyword.key == key


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("STOP ALL", Keyword(OUT, "en")),
        ("REVOKE", Keyword(OUT, "en")),
        ("Opt out", Keyword(OUT, "en")),
        ("opt-out", Keyword(OUT, "en")),
        ("OPTOUT.", Keyword(OUT, "en")),
        ('"STOP"', Keyword(OUT, "en")),
        ("STOP" + " " * 500, Keyword(OUT, "en")),
        ("\n" * 200 + "\u00abStop\u00bb" + "." * 200, Keyword(OUT, "en")),
        ("\u200b\u2060S\u00adTOP\u3164\u2800\ufeff\U000e0020", Keyword(OUT, "en")),
        ("stop-all", Keyword(OUT, "en")),
        ("Arrêt.", Keyword(OUT, "fr")),
        ("\uff33\uff34\uff2f\uff30", Keyword(OUT, "en")),
        ("Stop \U0001f64f", Keyword(OUT, "en")),
        ("UNSUBSCR\u0130BE", Keyword(OUT, "en")),
        ("non arrêt", Keyword(IN, "fr")),
        ("ОСТАНОВИТЬ!", Keyword(OUT, "ru")),
        ("Помощь", Keyword(HELP, "ru")),
    ],
)
def test_people_write_keywords_in_many_ways(text: str, keyword: Keyword) -> None:
    assert keyword_of(text) == keyword


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "STOP please",
        "please stop",
        "don't stop",
        "stopp",
        "end of May",
        "halte",
        "1",
        "x" * 5000,
        "stop" + " " * 500 + "by at five",
        "stop" * 21,
    ],
)
def test_anything_else_is_no_keyword(text: str) -> None:
    assert keyword_of(text) is None


@given(st.text(max_size=100))
def test_any_text_may_be_received(text: str) -> None:
    keyword = keyword_of(text)

    assert keyword is None or keyword.key in WORDS


def test_a_host_may_add_words_and_not_change_the_table() -> None:
    own = {"Baja": Keyword(OUT, "es"), "stop": Keyword(HELP, "en")}

    assert keyword_of("BAJA!", own) == Keyword(OUT, "es")
    assert keyword_of("stop", own) == Keyword(OUT, "en")


def test_a_word_of_the_host_has_at_most_80_letters() -> None:
    own = {"a" * 80: Keyword(OUT), "b" * 81: Keyword(OUT)}

    assert keyword_of("a" * 80, own) == Keyword(OUT, "en")
    assert keyword_of("b" * 81, own) is None
    assert keyword_of("b" * 80, own) is None


@pytest.mark.parametrize("key", [*WORDS, *CONFIRMATIONS])
def test_every_kind_and_language_has_a_text_that_fits_into_one_sms(key: str) -> None:
    kind, _, language = key.partition(":")

    text = confirmation_of(Keyword(KeywordKind(kind), language))

    assert text == CONFIRMATIONS[key]
    assert split_sms(text).count == 1


@pytest.mark.parametrize("key", sorted(CONFIRMATIONS))
def test_a_text_names_the_word_that_changes_it_back(key: str) -> None:
    words = {"optout": {"START"}, "optin": {"STOP"}, "help": {"START", "STOP"}}

    assert {word for word in ("START", "STOP") if word in CONFIRMATIONS[key]} == words[
        key.partition(":")[0]
    ]


def test_a_host_replaces_texts_by_kind_and_language() -> None:
    own = {"optout:fr": "Adieu", "help:en": "Call us"}

    assert confirmation_of(Keyword(OUT, "fr"), own) == "Adieu"
    assert confirmation_of(Keyword(OUT, "de"), own) == CONFIRMATIONS["optout:de"]
    assert confirmation_of(Keyword(HELP, "xx"), own) == "Call us"
    assert confirmation_of(Keyword(IN, "xx"), own) == CONFIRMATIONS["optin:en"]
