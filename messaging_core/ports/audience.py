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
        """Walk everybody who is meant: each recipient, and whoever is in at least one cluster.

        Each user comes once, however often they are meant; two users with one address are two.
        A recipient need not be in a cluster. A recipient whom nobody knows comes as `Unresolved`,
        in the place of the user, and so does a cluster where the directory can tell that there is
        no such; neither stops the others. Nobody at all is no error.

        It is a walk, not a list: a cluster of any size takes bounded memory beside the ids of
        recipients.
        """
