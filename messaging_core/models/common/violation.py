"""What is wrong with a request, and where."""

import attrs


@attrs.frozen
class Violation:
    """Name one broken rule and the place that broke it.

    Attributes:
        path: JSON pointer (RFC 6901) into the request, `""` for the request as a whole.
        code: Stable name of the rule, for programs, such as `receiver.not_e164`.
        message: What is wrong and what would be right, for people.
    """

    path: str
    code: str
    message: str

    def __str__(self) -> str:
        """Return the place, the rule and the explanation on one line."""
        return f"{self.path or '/'}: {self.message} [{self.code}]"
