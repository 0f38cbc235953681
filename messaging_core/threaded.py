"""Methods of blocking objects as coroutines, which run on threads beside the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial, wraps
from itertools import islice
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from messaging_core.host_code import HostCode

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
P = ParamSpec("P")
R = TypeVar("R")


class Wraps(Protocol[T_co]):
    """What has a blocking object."""

    @property
    def blocking(self) -> T_co:
        """Return the object whose methods block."""


class threaded(Generic[T, P, R]):  # noqa: N801 - it is used as a decorator is
    """A method of the blocking object of a class, as a coroutine function with its signature.

    ```python
    class AsyncShop:
        blocking: Shop
        find = threaded(Shop.find)
    ```
    """

    def __init__(self, method: Callable[Concatenate[T, P], R]) -> None:
        @wraps(method)
        async def call(owner: Wraps[T], /, *args: P.args, **kwargs: P.kwargs) -> R:
            # By its name: a host may have a class below that of the blocking object.
            own: Callable[P, R] = getattr(owner.blocking, method.__name__)
            return await in_thread(partial(own, *args, **kwargs))

        self._call = call

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[..., Coroutine[Any, Any, R]]: ...

    @overload
    def __get__(self, instance: Wraps[T], owner: type) -> Callable[P, Coroutine[Any, Any, R]]: ...

    def __get__(self, instance: Wraps[T] | None, owner: type) -> Callable[..., Any]:
        return self._call if instance is None else partial(self._call, instance)


async def in_thread(work: Callable[[], R]) -> R:
    """Return what a function returns that blocks."""
    return await asyncio.to_thread(call_as_host, work)


async def each_in_thread(items: Iterator[R], size: int = 1000) -> AsyncIterator[R]:
    """Yield what an iterator yields that blocks; a chunk of it is taken at a time."""
    while chunk := await in_thread(lambda: list(islice(items, size))):
        for item in chunk:
            yield item


def call_as_host(work: Callable[[], R]) -> R:
    """Turn exceptions that would end the event loop, or not reach it, into others."""
    try:
        with HostCode("code of the host"):
            return work()
    except StopIteration as error:  # no future can hold it
        raise RuntimeError("code of the host raised StopIteration") from error
