"""Whether the transport of a channel can carry what a request asks for."""

from attrs import evolve

from messaging_core.decisions.content.mail_tracking import TRACKING
from messaging_core.decisions.content.rendering import content_of
from messaging_core.models.common.channel import Channel
from messaging_core.models.common.violation import Violation
from messaging_core.models.delivery.capabilities import Capabilities
from messaging_core.models.messages.request import SendMessage
from messaging_core.rules.content.capabilities import check_capabilities, limits_content


def beyond(request: SendMessage, channel: Channel, capabilities: Capabilities) -> list[Violation]:
    """Return what a transport cannot carry or express of a request.

    The text is measured before its links are shortened; what they make of it is measured when it
    is sent. Tracking that the transport cannot do is done by the engine, see `mail_tracking`.
    """
    if request.body is None:
        return []
    if capabilities.lacks & TRACKING:
        capabilities = evolve(capabilities, lacks=capabilities.lacks - TRACKING)
    if not limits_content(capabilities):
        return []
    content = content_of(request.body, request.meta, channel)
    path = "/template" if request.template else "/body"
    return check_capabilities(content, len(request.receiver.contacts), capabilities, path)
