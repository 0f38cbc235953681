"""Which names of files may be asked for."""

from typing import Final

from messaging_core.lazy import pattern
from messaging_core.models.common.violation import Violation

MAX_NAME_LENGTH: Final = 255

# What is no plain name on some system: separators, drives, streams, controls, lone surrogates.
_UNSAFE: Final = pattern("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff" + r'\\:*?"<>|]')


def is_file_name(name: str) -> bool:
    """Return whether a name is a relative path: plain steps, joined by slashes."""
    steps = name.split("/")
    return (
        len(name) <= MAX_NAME_LENGTH
        and _UNSAFE.search(name) is None
        and not any(step in {"", ".", ".."} or step != step.strip() for step in steps)
    )


def check_file_name(name: str, path: str) -> list[Violation]:
    """Refuse what could lead out of a folder: `..`, absolute paths, drives, control characters."""
    if is_file_name(name):
        return []
    message = f"plain names joined by /, at most {MAX_NAME_LENGTH} characters"
    return [Violation(path, "notification.bad_file_name", message)]
