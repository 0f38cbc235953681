"""Which receivers get the threads of a sender, so that slow ones hold up no others."""

from collections.abc import Mapping
from uuid import UUID

from messaging_core.models.delivery.webhook import WebhookReceiver


def may_start(
    receiver: WebhookReceiver,
    busy: Mapping[UUID, str],
    answers: Mapping[str, bool],
    *,
    threads: int,
) -> bool:
    """Return whether a thread may begin to serve a receiver.

    A receiver has one thread at a time, and a host a quarter of them, however many URLs it has.
    All hosts that failed last share a quarter, and with hosts that were not called yet they share
    three quarters. The rest is always free for hosts that answer.

    Args:
        receiver: Has a webhook that is due.
        busy: The hosts of the receivers that are being served, by the ids of the receivers.
        answers: Whether the last answer of a host was a success, as far as it is known.
        threads: How many there are.
    """
    hosts = list(busy.values())
    if receiver.id in busy or len(hosts) >= threads:
        return False
    if hosts.count(receiver.host) >= max(threads // 4, 1):
        return False
    if answers.get(receiver.host):
        return True
    if sum(not answers.get(host) for host in hosts) >= max(threads * 3 // 4, 1):
        return False
    failing = sum(answers.get(host) is False for host in hosts)
    return receiver.host not in answers or failing < max(threads // 4, 1)
