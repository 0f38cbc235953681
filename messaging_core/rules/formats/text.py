"""Which characters a text may hold, and how many."""

from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation

# C0 and C1 controls, the two separators that some readers take for the end of a line, and
# surrogates, which no encoding can carry.
_NOT_IN_A_LINE: Final = pattern("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SURROGATE: Final = pattern("[\ud800-\udfff]")


def is_line(value: str) -> bool:
    """Return whether a text is one line without control characters.

    Line breaks are those of C0, C1 and U+2028/U+2029; a lone surrogate is no character either.
    """
    return value.isprintable() or _NOT_IN_A_LINE.search(value) is None


def check_line(
    value: str, path: str, *, required: bool = False, longest: int = 0
) -> list[Violation]:
    """Refuse a text that is more than one line, too long, or empty where it is required.

    What goes into a header, a log line or a label is such a line. The length is counted in
    characters; 0 is no limit.
    """
    if value.isprintable() and (value or not required) and (not longest or len(value) <= longest):
        return []
    violations = _check_length(value, path, required, longest)
    if not is_line(value):
        message = "one line of text: no line breaks, control characters or lone surrogates"
        violations.append(Violation(path, "text.control_character", message))
    return violations


def check_text(
    value: str, path: str, *, required: bool = False, longest: int = 0
) -> list[Violation]:
    """Refuse a text that cannot be stored as it is, is too long, or empty where it is required.

    Lines may break. U+0000 and lone surrogates are refused: no document of ours could hold them.
    The length is counted in characters; 0 is no limit.
    """
    if value and value.isascii() and not longest and "\0" not in value:
        return []
    violations = _check_length(value, path, required, longest)
    if "\0" in value or not (value.isascii() or _SURROGATE.search(value) is None):
        message = "the text holds U+0000 or a lone surrogate, which are no characters: remove it"
        violations.append(Violation(path, "text.bad_character", message))
    return violations


def _check_length(
    value: str,
    path: str,
    required: bool,  # noqa: FBT001 - private, and by keyword above
    longest: int,
) -> list[Violation]:
    if required and not value:
        return [Violation(path, "text.empty", "at least 1 character")]
    if longest and len(value) > longest:
        message = f"at most {longest} characters, not {len(value)}"
        return [Violation(path, "text.too_long", message)]
    return []
