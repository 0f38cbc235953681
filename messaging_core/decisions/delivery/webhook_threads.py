"""Which receivers get the threads of a sender, so that slow ones hold up no others."""

from collections.abc import Container, Mapping
from uuid import UUID

from messaging_core.models.delivery.webhook import WebhookReceiver


def may_start(
    receiver: WebhookReceiver, busy: Mapping[UUID, str], proven: Container[str], *, threads: int
) -> bool:
    """Return whether a thread may begin to serve a receiver.

    A receiver has one thread at a time, and a host a quarter of them, however many URLs it has.
    Hosts whose last answer was no success, or that have not answered yet, have half of the threads
    together: the other half is free for hosts that answer.

    Args:
        receiver: Has a webhook that is due.
        busy: The hosts of the receivers that are being served, by the ids of the receivers.
        proven: Hosts whose last answer was a success.
        threads: How many there are.
    """
    hosts = list(busy.values())
    if receiver.id in busy or len(hosts) >= threads:
        return False
    if hosts.count(receiver.host) >= max(threads // 4, 1):
        return False
    unproven = sum(host not in proven for host in hosts)
    return receiver.host in proven or unproven < max(threads // 2, 1)
