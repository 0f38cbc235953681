"""Every error the library raises, each branch telling the caller what to do next.

```
MessagingError
├── InvalidRequestError          the request is wrong: correct it, nothing was written
│   ├── InvalidMessageError      … a message to be sent; carries every violation
│   ├── InvalidDocumentError     … JSON that should be one of our own documents
│   ├── InvalidQueryError        … a listing: its filters, limits or page token
│   ├── ContactConflictError     … identifiers that other contacts have
│   ├── InvalidTemplateError     … a template to be saved or used; carries every violation
│   └── IdempotencyConflictError … the key was used for another request
├── NotFoundError                what was named is not there
│   ├── UnknownChannelError
│   ├── UnknownMessageError
│   ├── UnknownMediaError
│   ├── UnknownBatchError
│   ├── UnknownContactError
│   ├── UnknownListError
│   ├── UnknownTemplateError
│   ├── UnknownWebhookError
│   ├── UnknownWebhookSubscriptionError
│   └── UnknownShortLinkError
├── StateError                   the message is not in a state that allows this
├── StorageError                 the storage could not do it: nothing was written, try again
│   ├── StorageBusyError         … another connection held the lock for too long
│   │   ├── StorageConflictError  … two transactions met, and this one gave way: repeat all of it
│   │   └── ReadTimeoutError      … a read took longer than its caller waits: ask for less
│   ├── StorageUnavailableError   … the server cannot be reached, or writes nothing
│   │   └── CommitUnknownError    … the connection was lost during the commit: look what is there
│   ├── StorageFullError         … the disk is full: free some space
│   └── StorageCorruptError      … its data are damaged: restore a backup
├── ConfigurationError           the host's set-up is wrong: correct it, retries do not help
│   ├── ArgumentError            … a constructor or call was given something that it does not take
│   ├── MissingDependencyError   … an optional package is not installed
│   └── SchemaError              … the tables are not those of this version: migrate
├── TemplateError                a template cannot be rendered: correct it or its values
│   ├── TemplateSyntaxError      … its source is broken, with line and column
│   └── TemplateValueError       … values are missing, of no use, or too many
├── MediaError                   a picture or file that a message names is not available
├── HttpError                    no complete HTTP answer came: the server may have acted, or not
├── WebhookError                 a webhook request is refused: answer its sender with `status`
│   ├── ForgedRequestError       … nothing proves that the provider sent it
│   ├── UnverifiedRequestError   … what proves it is not available for now
│   └── UnreadableRequestError   … the provider sent it, and it does not have the provider's form
└── Withdrawn                    told to a transport: do not hand this message over
```
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self
from uuid import UUID

from messaging_core.models.common.violation import Violation

if TYPE_CHECKING:  # models check their arguments, and raise what stands here
    from messaging_core.models.common.identifier import Identifier

_CONFLICT = "idempotency.conflict"


class MessagingError(Exception):
    """Catch everything this library raises on purpose.

    Attributes:
        see: Where the documentation says what to do; a traceback ends with it.
    """

    see: ClassVar[str] = "docs/reference/errors.md"

    def __init_subclass__(cls) -> None:
        """Give each error of this module its section; those of a host have that of their branch."""
        if cls.__module__ == __name__:
            cls.see = f"docs/reference/errors.md#{cls.__name__.lower()}"

    def __new__(cls, *arguments: object, **_: object) -> Self:
        """Let a traceback end with the section."""
        error = super().__new__(cls, *arguments)
        error.add_note(f"see {cls.see}")
        return error


class InvalidRequestError(MessagingError):
    """Report a request that cannot be honoured as it stands; nothing was written.

    Attributes:
        violations: Every rule that was broken, in the order of the request.
    """

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(violations)
        self.violations = tuple(violations)

    def __str__(self) -> str:
        """Return one line for each violation."""
        return "\n".join(str(violation) for violation in self.violations)


class InvalidMessageError(InvalidRequestError):
    """Report a message that may not be sent, with every reason at once."""


class InvalidDocumentError(InvalidRequestError):
    """Report JSON that is not the document it should be."""


class InvalidQueryError(InvalidRequestError):
    """Report a listing whose filters, limit or page token are wrong."""


class ContactConflictError(InvalidRequestError):
    """Report identifiers that already belong to other contacts.

    Attributes:
        identifiers: The identifiers.
        contact_ids: The contacts that have them, one for each identifier.
    """

    def __init__(
        self,
        violations: Sequence[Violation],
        identifiers: "Sequence[Identifier]",
        contact_ids: Sequence[str],
    ) -> None:
        super().__init__(violations)
        self.identifiers = tuple(identifiers)
        self.contact_ids = tuple(contact_ids)
        self.args = (self.violations, self.identifiers, self.contact_ids)


class InvalidTemplateError(InvalidRequestError):
    """Report a template that cannot be kept or used as it is, with every reason at once."""


class IdempotencyConflictError(InvalidRequestError):
    """Report an idempotency key that was already used for another request.

    Attributes:
        key: The key that was used twice.
        message_id: The message of the first request.
        fields: JSON pointers to what differs between the two requests, one violation each;
            `/channelId` is the channel, `/0` the first request of a batch.
    """

    def __init__(self, key: str, message_id: UUID, fields: Sequence[str] = ()) -> None:
        message = f"the idempotency key was already used for message {message_id}, whose request"
        message += " differs here" if fields else " differs"
        super().__init__([Violation(path, _CONFLICT, message) for path in fields or ("",)])
        self.args = (key, message_id, tuple(fields))
        self.key = key
        self.message_id = message_id
        self.fields = tuple(fields)


class NotFoundError(MessagingError):
    """Report something that was named and is not there."""


class UnknownChannelError(NotFoundError):
    """Report a channel that this messenger was not given.

    Attributes:
        channel: The id or name that was asked for.
        names: The names of the channels that this messenger has.
    """

    def __init__(self, channel: str, names: Sequence[str] = ()) -> None:
        super().__init__(channel, tuple(names))
        self.channel = channel
        self.names = tuple(names)

    def __str__(self) -> str:
        """Return the name asked for and the names there are."""
        return f"no channel {self.channel!r}; there are: {', '.join(self.names) or 'none'}"


class UnknownMessageError(NotFoundError):
    """Report a message id that the storage does not hold in this workspace."""

    def __init__(self, message_id: UUID) -> None:
        super().__init__(message_id)
        self.message_id = message_id

    def __str__(self) -> str:
        """Return the id that was asked for."""
        return f"no message {self.message_id}"


class UnknownMediaError(NotFoundError):
    """Report a file id that is not of a message in this workspace."""

    def __init__(self, file_id: UUID) -> None:
        super().__init__(file_id)
        self.file_id = file_id

    def __str__(self) -> str:
        """Return the id that was asked for."""
        return f"the message has no file {self.file_id}"


class UnknownBatchError(NotFoundError):
    """Report a batch id that the storage does not hold in this workspace."""

    def __init__(self, batch_id: UUID) -> None:
        super().__init__(batch_id)
        self.batch_id = batch_id

    def __str__(self) -> str:
        """Return the id that was asked for."""
        return f"no batch {self.batch_id}"


class UnknownContactError(NotFoundError):
    """Report a contact id that the storage does not hold in this workspace."""

    def __init__(self, contact_id: str) -> None:
        super().__init__(contact_id)
        self.contact_id = contact_id

    def __str__(self) -> str:
        """Return the id that was asked for."""
        return f"no contact {self.contact_id!r}"


class UnknownListError(NotFoundError):
    """Report a contact list that the storage does not hold in this workspace."""

    def __init__(self, list_id: UUID) -> None:
        super().__init__(list_id)
        self.list_id = list_id

    def __str__(self) -> str:
        """Return the id that was asked for."""
        return f"no contact list {self.list_id}"


class UnknownTemplateError(NotFoundError):
    """Report a template, or a version of one, that the storage does not hold in this workspace."""

    def __init__(self, project: str, version: UUID | None = None) -> None:
        super().__init__(project, version)
        self.project = project
        self.version = version

    def __str__(self) -> str:
        """Return what was asked for."""
        whose = f" with version {self.version}" if self.version else ""
        return f"no template {self.project!r}{whose}"


class UnknownShortLinkError(NotFoundError):
    """Report a short link that does not exist or has expired."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def __str__(self) -> str:
        """Say so; who has a code may follow it, so it is not shown."""
        return "no such short link, or it has expired"


class UnknownWebhookSubscriptionError(NotFoundError):
    """Report a webhook subscription that the storage does not hold in this workspace."""

    def __init__(self, subscription_id: UUID) -> None:
        super().__init__(subscription_id)
        self.subscription_id = subscription_id

    def __str__(self) -> str:
        """Return what was asked for."""
        return f"no webhook subscription {self.subscription_id}"


class UnknownWebhookError(NotFoundError):
    """Report a webhook that no receipt parser of this messenger reads.

    Attributes:
        name: What was asked for.
        names: The names of the receipt parsers that this messenger has.
    """

    def __init__(self, name: str, names: Sequence[str] = ()) -> None:
        super().__init__(name, tuple(names))
        self.name = name
        self.names = tuple(names)

    def __str__(self) -> str:
        """Return the name asked for and the names there are."""
        return f"no receipt parser {self.name!r}; there are: {', '.join(self.names) or 'none'}"


class StateError(MessagingError):
    """Report an operation that the state of a message does not allow."""


class StorageError(MessagingError):
    """Report that the storage could not do what was asked; nothing of it was written."""


class StorageBusyError(StorageError):
    """Report that another connection held the storage for longer than the time-out."""


class StorageConflictError(StorageBusyError):
    """Report that two transactions met, and that the storage rolled this one back: repeat it."""


class ReadTimeoutError(StorageBusyError):
    """Report a read that was interrupted: it took longer than its caller waits."""


class StorageUnavailableError(StorageError):
    """Report that the server of the storage cannot be reached, or takes no writes for now."""


class CommitUnknownError(StorageUnavailableError):
    """Report a connection that was lost during a commit: all of it was written, or nothing.

    A request with an idempotency key can be repeated: it is accepted once, either way.
    """


class StorageFullError(StorageError):
    """Report that there is no room for more; what is there can still be read."""


class StorageCorruptError(StorageError):
    """Report data that is damaged; nothing is accepted before it is restored."""


class ConfigurationError(MessagingError):
    """Report a wrong set-up: the host must correct it, because retries do not help."""


class ArgumentError(ConfigurationError, TypeError, ValueError):
    """Report an argument that a constructor or call does not take, as Python itself would.

    Attributes:
        argument: Its name.
        allowed: What it may be.
        given: What kind of thing it was; never text that may be content or a secret.
        remedy: What to write instead.
    """

    def __init__(self, argument: str, allowed: str, given: str, remedy: str = "") -> None:
        super().__init__(argument, allowed, given, remedy)
        self.argument = argument
        self.allowed = allowed
        self.given = given
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one sentence."""
        remedy = f": {self.remedy}" if self.remedy else ""
        return f"{self.argument} must be {self.allowed}, not {self.given}{remedy}"


class SchemaError(ConfigurationError):
    """Report tables that are not those this version works with.

    Attributes:
        problems: Every difference, one line each.
        remedy: How to get the tables right.
    """

    def __init__(self, problems: Sequence[str], remedy: str) -> None:
        super().__init__(tuple(problems), remedy)
        self.problems = tuple(problems)
        self.remedy = remedy

    def __str__(self) -> str:
        """Return one line for each difference, and the remedy."""
        return "\n".join((*self.problems, self.remedy))


class MissingDependencyError(ConfigurationError):
    """Report an optional package that is not installed, with the line that installs it."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(package, extra)
        self.package = package
        self.extra = extra

    def __str__(self) -> str:
        """Return the line to run."""
        return f"{self.package} is not installed: pip install 'messaging-engine[{self.extra}]'"


class TemplateError(MessagingError):
    """Report a template that does not become a text."""


class TemplateSyntaxError(TemplateError):
    """Report a broken source.

    Attributes:
        reason: What is wrong and what would be right.
        line: From 1.
        column: From 1, in characters.
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        super().__init__(reason, line, column)
        self.reason = reason
        self.line = line
        self.column = column

    def __str__(self) -> str:
        """Return the place and the reason."""
        return f"line {self.line}, column {self.column}: {self.reason}"


class TemplateValueError(TemplateError):
    """Report values that a template cannot be filled with.

    Attributes:
        violations: What is wrong, each with a JSON pointer into the values.
    """

    def __init__(self, violations: Sequence[Violation]) -> None:
        super().__init__(violations)
        self.violations = tuple(violations)

    def __str__(self) -> str:
        """Return one line for each violation."""
        return "\n".join(str(violation) for violation in self.violations)


class MediaError(MessagingError):
    """Report a picture or file that could not be fetched.

    Attributes:
        reason: Why, without the URL.
        permanent: Whether trying again is pointless.
    """

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the keyword argument."""
        return partial(type(self), permanent=self.permanent), self.args


class HttpError(MessagingError):
    """Report an HTTP request that got no complete answer.

    Attributes:
        problem: Why, without an address, a URL or a header.
        may_be_sent: The server may have acted on the request: the first byte of the body, or the
            whole of a request without a body, may have left this machine.
        fault: What kind of problem it is: a member of `HttpFault`, or a word of the client's own.
        status: Of the answer, where only the rest of it is missing or of no use.
    """

    def __init__(
        self, problem: str, *, may_be_sent: bool, fault: str = "broken", status: int | None = None
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.may_be_sent = may_be_sent
        self.fault = fault
        self.status = status

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the keyword arguments."""
        make = partial(
            type(self), may_be_sent=self.may_be_sent, fault=self.fault, status=self.status
        )
        return make, self.args


class WebhookError(MessagingError):
    """Report a webhook request that is refused.

    Attributes:
        problem: Why, without a secret, content or an address.
        status: The HTTP status to answer with.
    """

    status: ClassVar[int] = 400

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class ForgedRequestError(WebhookError):
    """Report a webhook request of which nothing proves that the provider sent it.

    With 401 most providers repeat the request for hours: those of a secret that the host has
    rotated too early are accepted as soon as it is back.
    """

    status = 401


class UnverifiedRequestError(WebhookError):
    """Report a webhook request that cannot be verified for now, so that the provider repeats it."""

    status = 503


class UnreadableRequestError(WebhookError):
    """Report a webhook request that does not have the form of the provider's requests."""


class Withdrawn(MessagingError):  # noqa: N818 - a verdict told to a transport, not a failure
    """Tell a transport, at the point of no return, that the message may no longer go.

    Attributes:
        reason: Stable code: `cancelled`, `expired`, `held` or `superseded`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        """Return the reason."""
        return f"withdrawn: {self.reason}"
