"""The language of a reader, among those that a template has."""

import pytest
from babel.core import get_global
from hypothesis import given
from hypothesis import strategies as st

from messaging_core.templates import choose_locale
from messaging_core.templates.language_data import (
    ALIASES,
    LIKELY_REGIONS,
    PARENTS,
    REGIONAL_SCRIPTS,
    SCRIPTS,
)

# Languages that have a name of their own beside the one that CLDR writes them under.
_TWO_NAMES = {"nb"}


@pytest.mark.parametrize(
    ("locales", "reader_locale", "chosen"),
    [
        (["zh-Hans", "zh-Hant"], "zh-TW", "zh-Hant"),
        (["zh-Hans", "zh-Hant"], "zh-HK", "zh-Hant"),
        (["zh-Hant", "zh-Hans"], "zh-SG", "zh-Hans"),
        (["zh-Hant", "zh-Hans"], "zh", "zh-Hans"),
        (["zh", "zh-Hant"], "zh-TW", "zh-Hant"),
        (["zh-CN", "zh-TW"], "zh-Hant", "zh-TW"),
        (["zh-TW", "zh-HK"], "zh-MO", "zh-HK"),
        (["zh-TW", "zh-HK"], "zh-Hant-HK", "zh-HK"),
        (["zh"], "zh-TW", "zh"),
        (["zh-Hant"], "yue-HK", "zh-Hant"),
        (["zh-Hant"], "zh-yue", "zh-Hant"),
        (["sr", "sr-Latn"], "sr-ME", "sr-Latn"),
        (["sr", "sr-Latn"], "sh", "sr-Latn"),
        (["no"], "nb", "no"),
        (["nb"], "no", "nb"),
        (["no"], "nb-NO", "no"),
        (["nb"], "nn-NO", "nb"),
        (["he"], "iw", "he"),
        (["iw"], "he-IL", "iw"),
        (["id"], "in_ID", "id"),
        (["fil"], "tl-PH", "fil"),
        (["pt-BR"], "pt-PT", "pt-BR"),
        (["pt-BR", "pt-PT"], "pt-AO", "pt-PT"),
        (["pt-PT", "pt-BR"], "pt", "pt-BR"),
        (["pt", "pt-PT"], "pt-MZ", "pt-PT"),
        (["en-GB"], "en-AU", "en-GB"),
        (["en-US", "en-GB"], "en-AU", "en-GB"),
        (["en-US", "en-GB"], "en-DE", "en-GB"),
        (["en-GB", "en-US"], "en-PR", "en-US"),
        (["en-GB", "en-US"], "en", "en-US"),
        (["en-US", "en-001"], "en-IN", "en-001"),
        (["es", "es-419"], "es-MX", "es-419"),
        (["es-ES", "es-AR"], "es-MX", "es-AR"),
        (["es-419", "es"], "es-ES", "es"),
        (["gsw", "de"], "gsw-CH", "gsw"),
        (["de"], "gsw-CH", "de"),
        (["de-AT"], "de_DE.UTF-8", "de-AT"),
        (["de-1996", "de-AT"], "de-AT-1996", "de-AT"),
        (["x-a", "zz"], "x-b", "zz"),
        (["x-a", "zz"], "x-a-b", "x-a"),
        (["zh-MO", "zh-Hant"], "zh-HK", "zh-Hant"),
        (["sr", "sr-Latn"], "cnr", "sr-Latn"),
        (["fa-IR", "fa-AF"], "prs", "fa-AF"),
        (["sr-ME", "sr-Latn-RS"], "sh-RS", "sr-Latn-RS"),
        (["en-GB", "en-AT"], "en-DE", "en-AT"),
        (["en-AT", "en-GB"], "en-DE", "en-AT"),
        (["en-AT", "en-GB"], "en-AU", "en-AT"),
        (["en-GB", "en-AT"], "en-AU", "en-GB"),
        (["en-US", "en-150"], "en-DE", "en-150"),
        (["en-001", "en-150"], "en-DE", "en-150"),
        (["en", "en-001"], "en-DE", "en-001"),
        (["de-AT", "de-DE"], "de-LU", "de-DE"),
        (["de-AT", "de"], "de-LU", "de"),
        (["de-1996-x", "de"], "de-1996-y", "de"),
        (["de-x-b", "de"], "de-x-a", "de"),
        (["de", "de-1996"], "de-1996-x-a", "de-1996"),
        (["de-1996", "de-1996-x"], "de-1996-x-a", "de-1996-x"),
        (["de-1996-x", "de"], "de", "de"),
        (["de-1996", "de-1901"], "de-AT", "de-1996"),
        (["de-1996", "de-AT-1996"], "de-AT", "de-AT-1996"),
    ],
)
def test_the_nearest_of_a_language_comes_before_the_default(
    locales: list[str], reader_locale: str, chosen: str
) -> None:
    assert choose_locale(["zz", *locales], reader_locale, "zz") == chosen


def test_another_language_is_no_match() -> None:
    assert choose_locale(["en", "de", "ru", "zh"], "ja", "en") == "en"


@given(
    st.lists(st.from_regex(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", fullmatch=True), min_size=1),
    st.text(alphabet="abxzHan-_0123456789.@", max_size=40),
)
def test_any_wish_leads_to_one_of_the_languages(locales: list[str], reader_locale: str) -> None:
    assert choose_locale(locales, reader_locale, locales[0]) in locales


@given(st.lists(st.sampled_from(["en", "en-GB", "pt-BR", "zh-TW", "sr-Latn", "nb"]), min_size=1))
def test_the_exact_language_is_chosen_whatever_else_is_there(locales: list[str]) -> None:
    for locale in locales:
        assert choose_locale(locales, locale.lower(), "xx") == locale


def test_the_tables_are_those_of_cldr() -> None:
    likely, parents = get_global("likely_subtags"), get_global("parent_exceptions")
    aliases = get_global("language_aliases")

    def subtags(tag: str) -> list[str]:
        subtags: list[str] = likely[tag].lower().split("_")
        return subtags

    for language, alias in ALIASES.items():
        assert language in _TWO_NAMES or aliases[language] == alias.replace("-", "_")
    for language, script in SCRIPTS.items():
        assert subtags(language)[1] == script
    for (language, region), script in REGIONAL_SCRIPTS.items():
        assert subtags(f"{language}_{region.upper()}")[1] == script
    for language, region in LIKELY_REGIONS.items():
        assert subtags(language)[2] == region
    for (language, region), parent in PARENTS.items():
        tag = f"zh_Hant_{region.upper()}" if language == "zh" else f"{language}_{region.upper()}"
        assert parents[tag].lower().split("_")[-1] == parent
