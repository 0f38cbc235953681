"""The parts of a `Messenger` for hosts that run an event loop: contacts, templates and others.

Each call is that of the part, as a coroutine on a thread.
"""

from collections.abc import AsyncIterator
from uuid import UUID

from messaging_core.contacts.directory import ContactDirectory
from messaging_core.contacts.suppressions import SuppressionList
from messaging_core.lazy import frozen
from messaging_core.messages.webhooks import WebhookSubscriptions
from messaging_core.models.common.channel import DEFAULT_WORKSPACE
from messaging_core.models.people.contact import Contact
from messaging_core.templates.store import TemplateStore
from messaging_core.threaded import each_in_thread, threaded


@frozen
class AsyncContactDirectory:
    """The calls of a `ContactDirectory` as coroutines."""

    blocking: ContactDirectory

    create = threaded(ContactDirectory.create)
    update = threaded(ContactDirectory.update)
    update_or_create = threaded(ContactDirectory.update_or_create)
    get = threaded(ContactDirectory.get)
    names = threaded(ContactDirectory.names)
    find = threaded(ContactDirectory.find)
    delete = threaded(ContactDirectory.delete)
    create_list = threaded(ContactDirectory.create_list)
    get_list = threaded(ContactDirectory.get_list)
    lists = threaded(ContactDirectory.lists)
    delete_list = threaded(ContactDirectory.delete_list)
    add_to_list = threaded(ContactDirectory.add_to_list)
    remove_from_list = threaded(ContactDirectory.remove_from_list)

    async def members(
        self, list_id: UUID, *, workspace: UUID = DEFAULT_WORKSPACE
    ) -> AsyncIterator[Contact]:
        """Yield the contacts of a list; see `ContactDirectory.members`."""
        async for contact in each_in_thread(self.blocking.members(list_id, workspace=workspace)):
            yield contact


@frozen
class AsyncSuppressionList:
    """The calls of a `SuppressionList` as coroutines."""

    blocking: SuppressionList

    suppress = threaded(SuppressionList.suppress)
    lift = threaded(SuppressionList.lift)
    of = threaded(SuppressionList.of)
    forbids = threaded(SuppressionList.forbids)
    find = threaded(SuppressionList.find)


@frozen
class AsyncTemplateStore:
    """The calls of a `TemplateStore` as coroutines."""

    blocking: TemplateStore

    save = threaded(TemplateStore.save)
    activate = threaded(TemplateStore.activate)
    deactivate = threaded(TemplateStore.deactivate)
    discard = threaded(TemplateStore.discard)
    delete = threaded(TemplateStore.delete)
    get = threaded(TemplateStore.get)
    find = threaded(TemplateStore.find)
    inspect = threaded(TemplateStore.inspect)
    render = threaded(TemplateStore.render)


@frozen
class AsyncWebhookSubscriptions:
    """The calls of `WebhookSubscriptions` as coroutines."""

    blocking: WebhookSubscriptions

    subscribe = threaded(WebhookSubscriptions.subscribe)
    get = threaded(WebhookSubscriptions.get)
    find = threaded(WebhookSubscriptions.find)
    unsubscribe = threaded(WebhookSubscriptions.unsubscribe)
    dead = threaded(WebhookSubscriptions.dead)
    replay = threaded(WebhookSubscriptions.replay)
