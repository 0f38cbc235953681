"""The extra to install, where a part needs a package that several extras bring."""

from collections.abc import Iterator
from contextlib import contextmanager

from messaging_core.errors import MissingDependencyError


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Name this extra in the error about a missing package.

    Raises:
        MissingDependencyError: What is imported inside lacks a package.
    """
    try:
        yield
    except MissingDependencyError as error:
        raise MissingDependencyError(error.package, extra) from error
