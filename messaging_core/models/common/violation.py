"""The rules that a request breaks."""

import attrs


@attrs.frozen
class Violation:
    """One rule that a request breaks, and the place.

    Attributes:
        path: JSON pointer (RFC 6901) into the request, `""` for the whole request.
        code: Stable name of the rule, for programs, such as `receiver.not_e164`.
        message: The problem and the remedy, for people.
    """

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        """Return the place, the rule and the explanation on one line."""
        return f"{self.path or '/'}: {self.message} [{self.code}]"
