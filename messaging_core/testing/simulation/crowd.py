"""The people that are written to: they say STOP and START, and the host blocks some of them."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from messaging_core.lazy import frozen
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import SMS
from messaging_core.models.content.body import TextBody
from messaging_core.models.delivery.receipt import IncomingMessage
from messaging_core.models.people.contact import ContactIdentifier
from messaging_core.models.people.directory import ContactChanges, NewContact
from messaging_core.models.people.suppression import SuppressionScope
from messaging_core.rules.addressing.receiver import PLATFORM_KEYS
from messaging_core.rules.policy.consent import identifier_on
from messaging_core.testing.simulation.actors import Stage
from messaging_core.testing.simulation.process import Process
from messaging_core.testing.simulation.scenario import HELD_OUT, Person
from messaging_core.testing.simulation.scheduler import Task

_WORDS: Final = ("STOP", "STOP", "stop!", "START", "START", "HELP", "hello")
_SCOPES: Final = tuple(SuppressionScope)
_LIFTED: Final = 0.7
_MINUTE: Final = timedelta(minutes=1)
_WHILE: Final = timedelta(days=4)

_Act = Callable[[Process, Messenger], object]


@frozen(kw_only=True)
class Crowd:
    """The process of the host that hears people, and blocks them."""

    stage: Stage

    def run(self, task: Task) -> None:
        """Let everything happen that chance has planned, each at its time."""
        world = self.stage.world
        process = Process(world, task)
        messenger = self.stage.messenger(process)
        planned = sorted(self._planned(), key=lambda one: one[0])
        for at, act in planned:
            if at > world.scheduler.now:
                process.sleep(at)
            while not process.live(partial(act, process, messenger)):
                pass
            world.poke()

    def _planned(self) -> list[tuple[datetime, _Act]]:
        scenario = self.stage.world.scenario
        planned: list[tuple[datetime, _Act]] = []
        for _ in range(scenario.blocked):
            planned += self._blocks()
        for number in range(scenario.keywords):
            planned.append((self._moment(), self._keyword(number)))
        for _ in range(scenario.changed):
            planned.append((self._moment(), self._consent()))
        return planned

    def _moment(self) -> datetime:
        """Return a moment at which messages are on their way, or some days later."""
        world = self.stage.world
        at, chance = world.chance.choice(world.moments), world.chance
        return at + (_MINUTE * 2 * chance.random() if chance.random() < 1 / 2 else self._while())

    def _while(self) -> timedelta:
        return _WHILE * self.stage.world.chance.random() ** 2

    def _blocks(self) -> list[tuple[datetime, _Act]]:
        """Plan to suppress a person, and mostly to lift that again."""
        world = self.stage.world
        chance, line = world.chance, world.chance.choice(world.scenario.lines)
        channel, person = line.channel, chance.choice(world.scenario.people)
        identifier = identifier_on(channel, person.addresses[channel.platform])
        scope = chance.choice(_SCOPES)
        sender = channel.sender if scope is SuppressionScope.SENDER else None

        def block(process: Process, messenger: Messenger) -> None:
            process.until_done(
                lambda: messenger.suppressions.suppress(identifier, scope, sender=sender)
            )

        def lift(process: Process, messenger: Messenger) -> None:
            process.until_done(
                lambda: messenger.suppressions.lift(identifier, scope, sender=sender)
            )

        at = self._moment()
        lifted = [(at + self._while(), lift)] if chance.random() < _LIFTED else []
        return [(at, block), *lifted]

    def _consent(self) -> _Act:
        """Plan to change what a contact agrees to."""
        world = self.stage.world
        chance = world.chance
        person = chance.choice([person for person in world.scenario.people if person.is_known])
        platform = chance.choice(sorted(person.addresses))
        changes = ContactChanges(
            subscriptions={platform: chance.choice((True, False, None))},
            attributes={HELD_OUT: chance.random() < 1 / 2},
        )

        def change(process: Process, messenger: Messenger) -> None:
            key, address = PLATFORM_KEYS[platform], person.addresses[platform]
            process.until_done(lambda: messenger.contacts.update_or_create(key, address, changes))

        return change

    def _keyword(self, number: int) -> _Act:
        world = self.stage.world
        chance = world.chance
        channels = [one.channel for one in world.scenario.lines if one.channel.platform == SMS]
        channel, person = chance.choice(channels), chance.choice(world.scenario.people)
        body = TextBody(text=chance.choice(_WORDS))

        def hear(process: Process, messenger: Messenger) -> None:
            incoming = IncomingMessage(
                source="crowd",
                at=world.scheduler.now,
                channel_id=channel.id,
                sender=person.addresses[SMS],
                body=body,
                reference=f"incoming-{number}",
            )
            process.until_done(lambda: messenger.receive([incoming]))

        return hear


def introduce(stage: Stage) -> None:
    """Make contacts of the people that the host knows, before anything happens."""
    messenger = stage.oracle(Process(stage.world, Task("introduction")))
    workspaces = dict.fromkeys(line.channel.workspace for line in stage.world.scenario.lines)
    for person in stage.world.scenario.people:
        for workspace in workspaces if person.is_known else ():
            messenger.contacts.create(_contact(person), workspace=workspace)


def _contact(person: Person) -> NewContact:
    return NewContact(
        identifiers=tuple(
            ContactIdentifier(key=PLATFORM_KEYS[platform], value=address)
            for platform, address in person.addresses.items()
        ),
        attributes={HELD_OUT: person.is_held_out},
        time_zone=person.zone,
        subscriptions=person.subscriptions,
    )
