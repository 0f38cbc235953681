"""Choose the language of a message among those a template has."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from messaging_core.lazy import frozen, pattern
from messaging_core.models.content.template_project import TemplateContent, TemplateVersion
from messaging_core.templates.language_data import (
    ALIASES,
    LIKELY_REGIONS,
    PARENTS,
    REGIONAL_SCRIPTS,
    RELATED,
    SCRIPTS,
)

# RFC 5646 §2.1; an extended language is the language itself (§4.5), and `x-` is private use.
_TAG: Final = pattern(
    r"(?P<language>x-[a-z0-9]+|[a-z]{2,8})(?:-(?P<extended>[a-z]{3})(?=-|$))?(?:-[a-z]{3}(?=-|$))*"
    r"(?:-(?P<script>[a-z]{4})(?=-|$))?(?:-(?P<region>[a-z]{2}|[0-9]{3})(?=-|$))?(?:-(?P<rest>.*))?"
)
_POSIX_END: Final = pattern(r"[.@].*")  # `de_DE.UTF-8@euro`, as some systems hand it on
_FAR: Final = 1000


@frozen(kw_only=True)
class _Language:
    """A tag taken apart, in lower case, with the script that it implies."""

    language: str
    script: str
    region: str
    rest: str


def choose_locale(locales: Iterable[str], reader_locale: str | None, default: str) -> str | None:
    """Return the best of some locales for a reader, or nothing if not even the default is there.

    That is the wanted one itself; else the nearest of the same language. Nearest is one in the
    same script (`zh-TW` is `zh-Hant`), then with fewer subtags (`nl` for `nl-BE`, lookup, RFC 4647
    §3.4) or of a region that CLDR names its parent (`es-419` for `es-MX`), then of a region with
    the same parent (`en-GB` for `en-AU`), then of the region where most of its readers live. Two
    names of one language are one (`iw` and `he`, `nb` and `no`). Without any, the default is
    chosen. Case does not matter, nor whether `-` or `_` joins the subtags.
    """
    spellings: dict[str, str] = {}
    for locale in locales:
        spellings.setdefault(_lower(locale), locale)
    if reader_locale:
        tag = _lower(reader_locale)
        if tag in spellings:
            return spellings[tag]
        if nearest := _nearest(_parsed(tag), spellings):
            return spellings[nearest]
    return spellings.get(_lower(default))


def choose_content(
    version: TemplateVersion, platform: str, reader_locale: str | None
) -> TemplateContent | None:
    """Return the content for a platform and a reader, or nothing if there is none.

    Generic content is for platforms without content of their own (Bird Channels API), so it does
    not fill in for a language that the platform's own content lacks.
    """
    own = [content for content in version.platform_content if content.platform == platform]
    contents: Sequence[TemplateContent] = own or version.generic_content
    locale = choose_locale(
        (content.locale for content in contents), reader_locale, version.default_locale
    )
    return next((content for content in contents if content.locale == locale), None)


def _lower(tag: str) -> str:
    return _POSIX_END.sub("", tag.lower()).replace("_", "-")


@lru_cache(maxsize=1024)
def _parsed(tag: str) -> _Language:
    match = _TAG.fullmatch(tag)
    if match is None:
        return _Language(language=tag, script="", region="", rest="")
    language = match["extended"] or match["language"]
    alias, _, implied = ALIASES.get(language, "").lower().partition("-")
    alias = alias or language
    is_script = len(implied) == len("latn")
    region = match["region"] or ("" if is_script else implied)
    script = match["script"] or (implied if is_script else "")
    return _Language(
        language=alias,
        script=script or REGIONAL_SCRIPTS.get((alias, region)) or SCRIPTS.get(alias, "latn"),
        region=region,
        rest=match["rest"] or "",
    )


def _nearest(target: _Language, tags: Iterable[str]) -> str | None:
    """Return the tag that a reader understands best, the first of those that are alike."""
    offered = [(tag, _parsed(tag)) for tag in tags]
    related = (_parsed(tag) for tag in RELATED.get(target.language, ()))
    for language in (target, *related):
        alike = [candidate for candidate in offered if candidate[1].language == language.language]
        if alike:
            return min(alike, key=lambda candidate: _distance(language, candidate[1]))[0]
    return None


def _distance(target: _Language, offered: _Language) -> tuple[bool, int, int]:
    return (
        target.script != offered.script,
        _distance_of_regions(target, offered),
        _distance_of_rest(target.rest, offered.rest),
    )


def _distance_of_regions(target: _Language, offered: _Language) -> int:
    line = list(_line(target))
    if offered.region in line:
        return line.index(offered.region)
    theirs = set(_line(offered)) - {""}
    shared = next((place for place, region in enumerate(line) if region in theirs), _FAR)
    is_likely = offered.region == LIKELY_REGIONS.get(offered.language, offered.language)
    return len(line) + 2 * shared + (not is_likely) if shared < _FAR else _FAR + (not is_likely)


def _line(language: _Language) -> Iterator[str]:
    """Yield the region of a language, its parents in turn, and at last no region."""
    region = language.region
    while region:
        yield region
        region = PARENTS.get((language.language, region), "")
    yield ""


def _distance_of_rest(target: str, offered: str) -> int:
    """Count the subtags by which one falls short of the other; what is not asked for is farther."""
    more = len(target.split("-")) - len(offered.split("-"))
    if not offered:
        return more + bool(target)
    return more if f"{target}-".startswith(f"{offered}-") else _FAR
