"""The text of a delivery receipt (SMPP 3.4 appendix B), which centres write differently."""

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

from attrs import frozen

_READ: Final = 2_000  # characters; a receipt has some 150
_NAMES: Final = r"(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text)"
# A blank may follow the colon, unless another key follows the blank: then the value is empty.
_KEY: Final = re.compile(
    rf"(?<![^\s;,]){_NAMES}[:=](?: (?!{_NAMES}[:=]))?([^\s;,]*)", re.IGNORECASE
)
_DATE: Final = re.compile(r"\d{10}|\d{12}|\d{14}", re.ASCII)
_FORMATS: Final = {
    10: ("%y%m%d%H%M",),
    12: ("%y%m%d%H%M%S", "%Y%m%d%H%M"),
    14: ("%Y%m%d%H%M%S",),
}


@frozen(kw_only=True)
class ReceiptText:
    """What a receipt says; an empty text for what it does not say.

    Attributes:
        id: The message centre's id, in its own spelling.
        stat: What became of the message, in upper case.
        err: The network's own code.
        done: When, in the centre's local time.
    """

    id: str = ""
    stat: str = ""
    err: str = ""
    done: str = ""

    def done_at(self, zone: tzinfo) -> datetime | None:
        """Return the instant in `done`, or nothing where it is no date.

        Args:
            zone: Of the centre's clock; the text has none.
        """
        if not _DATE.fullmatch(self.done):
            return None
        for form in _FORMATS[len(self.done)]:
            try:
                return datetime.strptime(self.done, form).replace(tzinfo=zone).astimezone(UTC)
            except (ValueError, OverflowError):  # the year 1 may be the year 0 in UTC
                continue
        return None


def read_receipt_text(text: str) -> ReceiptText:
    """Read the keys of a receipt, in any order and case.

    What follows `text:` quotes the message and may hold anything. It is looked at only where
    neither an id nor a state came before it.
    """
    said: dict[str, str] = {}
    quoted: dict[str, str] = {}
    target = said
    for match in _KEY.finditer(text[:_READ]):
        key = re.sub("[ _]", "", match[1].lower())
        if key == "text":
            target = quoted
        elif key not in target or target is quoted:
            target[key] = match[3]
    values = said if "id" in said or "stat" in said else quoted | said
    return ReceiptText(
        id=values.get("id", ""),
        stat=values.get("stat", "").upper(),
        err=values.get("err", ""),
        done=values.get("donedate", ""),
    )
