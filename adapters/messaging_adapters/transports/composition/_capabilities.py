"""What several transports can do, whichever of them gets a message."""

from collections.abc import Iterable, Sequence

from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.ports.transport import Transport


def shared_capabilities(transports: Sequence[Transport]) -> Capabilities:
    """Return what all of some transports can do.

    No provider knows what another one has taken, so that none is relied on to recognise a message.
    """
    own = [transport.capabilities for transport in transports]
    return Capabilities(
        platforms=_common(capabilities.platforms for capabilities in own),
        media=_all_known([capabilities.media for capabilities in own]),
        max_media=_least(capabilities.max_media for capabilities in own),
        max_text=_least(capabilities.max_text for capabilities in own),
        max_parts=_least(capabilities.max_parts for capabilities in own),
        max_recipients=_least(capabilities.max_recipients for capabilities in own),
        lacks=frozenset(name for capabilities in own for name in capabilities.lacks),
        checks=tuple(dict.fromkeys(check for capabilities in own for check in capabilities.checks)),
        receipts=all(capabilities.receipts for capabilities in own),
        known_references=all(capabilities.known_references for capabilities in own),
        looks_up=all(capabilities.looks_up for capabilities in own),
    )


def _common(sets: Iterable[frozenset[str] | None]) -> frozenset[str] | None:
    limits = [platforms for platforms in sets if platforms is not None]
    return frozenset.intersection(*limits) if limits else None


def _least(limits: Iterable[int | None]) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)


def _all_known(values: Sequence[bool | None]) -> bool | None:
    if False in values:
        return False
    return None if None in values else True
