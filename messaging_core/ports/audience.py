"""Whom a host means by recipients and clusters, where it has a directory of its own."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol

from messaging_core.models.people.user import Unresolved, User


class Audience(Protocol):
    """Turn ids and groups into people, as the Mia-Platform Messaging Service does."""

    @abstractmethod
    def resolve(
        self, recipients: Sequence[str], clusters: Sequence[str]
    ) -> Iterator[User | Unresolved]:
        """Iterate over the recipients and the users who are in at least one cluster.

        Each user comes once, however often they are meant; two users with one address are two.
        A recipient need not be in a cluster. A recipient that the directory does not know comes
        as `Unresolved`, in the place of the user, and so does a cluster where the directory can
        tell that it does not exist; neither stops the others. No user at all is no error.

        It is a walk, not a list: a cluster of any size takes bounded memory beside the ids of
        recipients.
        """
