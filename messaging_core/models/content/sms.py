"""What a text becomes on the air as an SMS."""

from enum import StrEnum

from attrs import field

from messaging_core.lazy import frozen


class SmsEncoding(StrEnum):
    """How the characters of an SMS are coded, which decides how many fit in a part."""

    GSM_7 = "gsm7"
    UCS_2 = "ucs2"


@frozen(kw_only=True)
class ForcedCharacter:
    """Name a character that GSM-7 cannot express, and what could stand in its place.

    Attributes:
        character: The character itself.
        index: Where it first occurs, counted in characters of the text.
        replacement: GSM-7 text that says the same (`""` where nothing visible is lost), or `None`
            when there is none.
    """

    character: str = field(repr=False)
    index: int
    replacement: str | None = field(repr=False)


@frozen(kw_only=True)
class SmsText:
    """Show how a text is coded, split and billed.

    Attributes:
        text: The whole text, equal to `parts` joined.
        encoding: GSM-7 when every character allows it, else UCS-2.
        parts: What each part carries, in order; an empty text is one empty part.
        units: Length of the whole text: septets in GSM-7, UTF-16 code units in UCS-2.
        forced: Each distinct character that forced UCS-2, in order of appearance.
    """

    text: str = field(repr=False)
    encoding: SmsEncoding
    parts: tuple[str, ...] = field(repr=False)
    units: int
    forced: tuple[ForcedCharacter, ...] = field(default=(), repr=False)

    @property
    def count(self) -> int:
        """Return the number of parts, which is what providers bill."""
        return len(self.parts)
