"""What the host does: it sends, repeats, withdraws and moves messages, in bursts over weeks."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from messaging_core.errors import InvalidMessageError, StateError
from messaging_core.lazy import frozen
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import EMAIL, PUSH, Channel
from messaging_core.models.content.meta import Meta
from messaging_core.models.delivery.receipt import ReceiptStatus, StatusReceipt
from messaging_core.models.messages.compose import text, to
from messaging_core.models.messages.message import Message
from messaging_core.models.messages.request import NotificationHook, SendMessage
from messaging_core.rules.policy.schedule import is_later
from messaging_core.rules.policy.validity import expires_at, validity_of
from messaging_core.testing.simulation.actors import Stage
from messaging_core.testing.simulation.process import Crashed, Process
from messaging_core.testing.simulation.provider import POISON, name_of
from messaging_core.testing.simulation.scheduler import Task
from messaging_core.testing.simulation.story import CAPPED, Asked

_LONG = 180  # characters: two parts
_IN_PARTS = 0.2
_SOON = 0.7
_AHEAD = 14  # days
_SECOND = timedelta(seconds=1)
_MINUTE = timedelta(minutes=1)

_MARKETING = Meta(extra_information={"useCase": "marketing"})
_WISHES = ("ignore_quiet_hours", "ignore_global_holdout", CAPPED)

_Action = Callable[[Process, Messenger], None]


@frozen(kw_only=True)
class Host:
    """The process that sends."""

    stage: Stage

    def run(self, task: Task) -> None:
        """Do everything that chance has planned, each at its time."""
        world = self.stage.world
        process = Process(world, task)
        messenger = self.stage.messenger(process)
        planned = self._planned()
        while planned:
            planned.sort(key=lambda one: one[0])
            at, action = planned.pop(0)
            if at > world.scheduler.now:
                process.sleep(at)
            while not process.live(partial(action, process, messenger)):
                pass
            world.poke()

    def _planned(self) -> list[tuple[datetime, _Action]]:
        """Plan the bursts: sends within seconds, and what is done about them soon after."""
        scenario, chance = self.stage.world.scenario, self.stage.world.chance
        moments = self.stage.world.moments
        planned: list[tuple[datetime, _Action]] = []
        left = scenario.messages
        while left > 0:
            at = chance.choice(moments) + _MINUTE * chance.random() ** 3
            channel = chance.choice(scenario.lines).channel
            several = chance.random() < scenario.batched
            count = min(left, chance.randint(2, 4)) if several else 1
            asked = [self._asked(channel) for _ in range(count)]
            requests = [self._request(one, at) for one in asked]
            left -= count
            key = f"key-{self.stage.world.number()}" if chance.random() < scenario.keyed else None
            is_foreseen = not several and chance.random() < scenario.foreseen
            oracle = self.stage.oracle if is_foreseen and not scenario.interleaved else None
            send = _Send(asked=asked, requests=requests, key=key, as_batch=several, oracle=oracle)
            planned.append((at, send.do))
            if key and chance.random() < scenario.repeated:
                planned.append((at + _MINUTE * chance.random(), send.do))
            for one in asked:
                planned += self._afterthoughts(at, one)
        return planned

    def _afterthoughts(self, at: datetime, asked: Asked) -> list[tuple[datetime, _Action]]:
        scenario, chance = self.stage.world.scenario, self.stage.world.chance
        planned: list[tuple[datetime, _Action]] = []
        if scenario.premature and chance.random() < scenario.premature:
            planned.append((at + self._soon(), _Premature(asked=asked).do))
        if chance.random() < scenario.cancelled:
            planned.append((at + self._soon(), _Cancel(asked=asked).do))
        if chance.random() < scenario.rescheduled:
            moved_at = at + self._soon()
            planned.append((moved_at, _Move(asked=asked, to=self._wall_clock(moved_at)).do))
        return planned

    def _soon(self) -> timedelta:
        """Return a while: mostly while the message may be on its way, else days."""
        chance = self.stage.world.chance
        return (
            _SECOND * 8 * chance.random()
            if chance.random() < _SOON
            else timedelta(days=10 * chance.random())
        )

    def _wall_clock(self, now: datetime) -> datetime:
        """Return a later wall clock time, also in an hour that is skipped or comes twice."""
        chance, zone = self.stage.world.chance, ZoneInfo(self.stage.world.scenario.zone)
        day = now.astimezone(zone).date() + timedelta(days=chance.randint(1, _AHEAD))
        hour = chance.choice((1, 2, 2, 3, 9, 21, 23))
        return datetime(
            day.year,
            day.month,
            day.day,
            hour,
            chance.choice((0, 30)),
            tzinfo=zone,
            fold=chance.randint(0, 1),
        )

    def _asked(self, channel: Channel) -> Asked:
        world = self.stage.world
        chance, scenario = world.chance, world.scenario
        asked = Asked(
            reference=f"request-{len(world.asked) + 1}",
            channel=channel,
            addresses=self._addresses(channel),
            validity=chance.randint(60, 120) if chance.random() < scenario.short else None,
            is_poisonous=chance.random() < scenario.poisonous,
            wishes=tuple(one for one in _WISHES if self._is_wished()),
            url=self._url(),
        )
        world.asked.append(asked)
        return asked

    def _url(self) -> str | None:
        """Return where the events of a request go: a URL of its own, or one that others share."""
        chance, scenario = self.stage.world.chance, self.stage.world.scenario
        urls = [listener.url for listener in scenario.listeners if not listener.subscribed]
        if not urls or chance.random() >= scenario.notified:
            return None
        own = f"{chance.choice(urls)}{self.stage.world.number()}"
        return chance.choice((own, chance.choice(urls)))

    def _is_wished(self) -> bool:
        wishful = self.stage.world.scenario.wishful
        return wishful > 0 and self.stage.world.chance.random() < wishful

    def _addresses(self, channel: Channel) -> tuple[str, ...]:
        chance, people = self.stage.world.chance, self.stage.world.scenario.people
        if people:
            most = min(self.stage.world.scenario.receivers, len(people))
            count = chance.randint(1, most) if channel.platform == EMAIL else 1
            chosen = chance.sample(people, count)
            return tuple(one.addresses[channel.platform] for one in chosen)
        number = chance.randrange(1000)
        if channel.platform == EMAIL:
            count = chance.randint(1, self.stage.world.scenario.receivers)
            return tuple(f"reader{number + one}@receiver.example" for one in range(count))
        if channel.platform == PUSH:
            return (f"token-{number}",)
        prefixes = self.stage.world.scenario.prefixes
        return (f"{prefixes[number % len(prefixes)]}{number:03}",)

    def _request(self, asked: Asked, at: datetime) -> SendMessage:
        scenario, chance = self.stage.world.scenario, self.stage.world.chance
        is_long = chance.random() < _IN_PARTS
        words = POISON if asked.is_poisonous else "hello"
        later = self._wall_clock(at) if chance.random() < scenario.scheduled else None
        return SendMessage(
            body=text(words + "." * (_LONG if is_long else 0)),
            receiver=to(*asked.addresses),
            reference=asked.reference,
            scheduled_for=later,
            validity=asked.validity,
            notification=NotificationHook(url=asked.url) if asked.url else None,
            meta=_MARKETING if CAPPED in asked.wishes else None,
            **dict.fromkeys(asked.wishes, True),  # type: ignore[arg-type] # all are switches
        )


@frozen(kw_only=True)
class _Send:
    """Send one message or a batch; with a key it is asked until there is an answer."""

    asked: Sequence[Asked]
    requests: Sequence[SendMessage]
    key: str | None
    as_batch: bool
    oracle: Callable[[Process], Messenger] | None = None

    def do(self, process: Process, messenger: Messenger) -> None:
        try:
            answers = process.until_done(lambda: self._ask(process, messenger))
        except Crashed:
            if self.key is None:
                for asked in self.asked:
                    asked.is_uncertain = True
                return
            raise
        for asked, message in zip(self.asked, answers, strict=True):
            asked.key = self.key
            if not asked.answers:
                later, accepted_at = message.scheduled_for, message.created_at
                asked.due[:] = [later if is_later(later, accepted_at) else None]
                asked.expires.append(_expiry(asked, accepted_at, later))
            asked.answers.append(message.id)

    def _ask(self, process: Process, messenger: Messenger) -> list[Message]:
        channel = self.asked[0].channel
        if self.oracle and not self.asked[0].answers:
            # Nothing can come between this and the transaction that keeps the message.
            now = messenger.context.now()
            plan = self.oracle(process).plan(channel, self.requests[0])
            self.asked[0].plans.append((now, plan))
        if self.as_batch:
            batch = messenger.send_batch(channel, self.requests, idempotency_key=self.key)
            return list(batch.messages)
        return [messenger.send(channel, self.requests[0], idempotency_key=self.key)]


@frozen(kw_only=True)
class _Premature:
    """Hand in a stranger's receipt about a message that may not have been handed over."""

    asked: Asked

    def do(self, process: Process, messenger: Messenger) -> None:
        if not self.asked.answers:
            return
        world, channel = process.world, self.asked.channel
        receipt = StatusReceipt(
            source=name_of(channel),
            at=world.scheduler.now,
            message_id=self.asked.answers[0],
            status=world.chance.choice((ReceiptStatus.DELIVERED, ReceiptStatus.FAILED)),
        )
        world.premature.add(self.asked.answers[0])
        process.until_done(lambda: messenger.receive([receipt], workspace=channel.workspace))


@frozen(kw_only=True)
class _Cancel:
    """Withdraw a message, if it is known."""

    asked: Asked

    def do(self, process: Process, messenger: Messenger) -> None:
        if self.asked.answers:
            message_id, workspace = self.asked.answers[0], self.asked.channel.workspace
            self.asked.cancel_tried = True
            if process.until_done(lambda: messenger.cancel(message_id, workspace=workspace)):
                self.asked.cancelled = True


@frozen(kw_only=True)
class _Move:
    """Give a message another time, if it is known and still waits."""

    asked: Asked
    to: datetime

    def do(self, process: Process, messenger: Messenger) -> None:
        if not self.asked.answers:
            return
        asked, later = self.asked, self.to
        message_id, workspace = asked.answers[0], asked.channel.workspace
        # Whether it was moved is not known when the process dies: then either time holds.
        asked.due.append(later)
        asked.expires.append(_expiry(asked, process.now(), later))
        try:
            moved = process.until_done(
                lambda: messenger.reschedule(message_id, later, workspace=workspace)
            )
        except (StateError, InvalidMessageError):
            process.must_live()
            del asked.due[-1], asked.expires[-1]
            return
        asked.due[:] = [later if is_later(later, moved.updated_at) else None]
        asked.expires[:] = [_expiry(asked, moved.updated_at, later)]


def _expiry(asked: Asked, now: datetime, later: datetime | None) -> datetime:
    validity = validity_of(asked.validity, asked.channel.message_type)
    return expires_at(now, later, validity)
