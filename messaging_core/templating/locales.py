"""Choose the language of a message among those a template has."""

from collections.abc import Iterable, Iterator, Sequence

from messaging_core.models.template_project import TemplateContent, TemplateVersion


def choose_locale(locales: Iterable[str], wanted: str | None, default: str) -> str | None:
    """Return the best of some locales for a reader, or nothing if not even the default is there.

    That is the wanted one itself; else the same with fewer and fewer subtags, `nl` for `nl-BE`
    (lookup, RFC 4647 §3.4); else the first that is more special than the wanted one, `nl-NL` for
    `nl`; else the default. Case does not matter.
    """
    known: dict[str, str] = {}
    for locale in locales:
        known.setdefault(locale.lower(), locale)
    if wanted:
        for tag in _shorter(wanted.lower()):
            if tag in known:
                return known[tag]
        for tag, locale in known.items():
            if tag.startswith(f"{wanted.lower()}-"):
                return locale
    return known.get(default.lower())


def choose_content(
    version: TemplateVersion, platform: str, wanted: str | None
) -> TemplateContent | None:
    """Return the content for a platform and a reader, or nothing if there is none.

    Generic content is for platforms without content of their own (Bird Channels API), so it does
    not fill in for a language that the platform's own content lacks.
    """
    own = [each for each in version.platform_content if each.platform == platform]
    contents: Sequence[TemplateContent] = own or version.generic_content
    locale = choose_locale((each.locale for each in contents), wanted, version.default_locale)
    return next((each for each in contents if each.locale == locale), None)


def _shorter(tag: str) -> Iterator[str]:
    """Yield a tag and what is left of it, a single letter never at the end (RFC 4647 §3.4)."""
    while tag:
        yield tag
        tag = tag.rpartition("-")[0]
        if tag[-2:-1] == "-":
            tag = tag[:-2]
