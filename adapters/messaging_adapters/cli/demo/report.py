"""What the demonstration says about messages, refusals and time."""

from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import Final

from messaging_adapters.cli.demo.examples import NAME
from messaging_adapters.cli.demo.settings import BEGIN
from messaging_adapters.cli.demo.show import Show, Step
from messaging_adapters.cli.output.columns import Column
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.output.tables import content_size, receivers
from messaging_adapters.cli.output.timestamps import span
from messaging_core.models.messages.message import Message, Status

_LINE: Final = Column("line", is_number=True)
_MESSAGES: Final = (
    _LINE,
    *(Column(name) for name in ("id", "channel")),
    Column("to", yields=True),
    *(Column(name) for name in ("status", "parts", "accepted", "due", "sent")),
)
_LATE: Final = (_LINE, *(Column(name) for name in ("channel", "to", "status", "due", "sent")))


def introduce(screen: Screen, folder: Path | None) -> None:
    """Say what is about to be seen."""
    screen.line("A messaging engine in one process: requests in, messages out.", "bold")
    screen.line()
    screen.line(f"  requests   docs/examples/{NAME}, JSON in the shape of the Bird Channels API")
    screen.line("  storage    SQLite, durable at every commit")
    screen.line("  email      over SMTP, to a server that this demo runs on 127.0.0.1")
    screen.line(f"  SMS, push  into files in {folder or 'a temporary folder'}")
    begin = f"{BEGIN:%A}, {BEGIN.day} {BEGIN:%B %Y, %H:%M} UTC"
    screen.line(f"  clock      stands at {begin} until the demo moves it")
    screen.line("  scenarios  at the end: Twilio, a notification, an escalation, and a campaign")


def refused(show: Show) -> None:
    """List what was not accepted: line, place and rule."""
    accepted = len(show.sent) + show.more
    show.screen.heading(f"{accepted:,} requests accepted, {len(show.refused)} refused")
    show.screen.line("Nothing of a refused request is stored; every broken rule is named at once:")
    show.screen.line()
    for line, violations in show.refused:
        for violation in violations:
            show.screen.line(f"  line {line.number}  {violation.path or '/'}  [{violation.code}]")
            show.screen.line(f"           {violation.message}", "dim")


def messages(show: Show) -> None:
    """Show where each message is after the first delivery."""
    show.screen.heading("A minute later a worker starts, and delivers what is due")
    show.screen.table(_MESSAGES, [_row(show, line.number, message) for line, message in show.sent])
    if show.more:
        show.screen.line(f"… and {show.more:,} more like these.")
    for line, message in show.sent:
        current = show.now(message)
        if current.status is Status.SENDING_FAILED:
            show.screen.line(f"  line {line.number} failed: {current.reason}")


def later(show: Show) -> None:
    """Move the clock until nothing waits, and show what went out meanwhile."""
    waiting = [pair for pair in show.sent if show.now(pair[1]).status is Status.SCHEDULED]
    show.screen.heading("Scheduled messages wait. The demo moves the clock to see them go")
    for waited, report in show.deliver_later():
        now = show.clock.now()
        when = f"{span(waited)} later, on {now.day} {now:%B, %H:%M} UTC"
        show.screen.line(f"  … {when}: {report.sent:,} sent")
    show.screen.line()
    rows = []
    for line, message in waiting:
        current = show.now(message)
        channel = show.engine.name_of(message.channel_id)
        sent = _short(current.last_status_at)
        row = (str(line.number), channel, receivers(message), current.status, _due(message), sent)
        rows.append(row)
    show.screen.table(_LATE, rows)


def timings(show: Show) -> None:
    """Say how long each step took."""
    steps: dict[str, Step] = {}
    for step in show.steps:
        so_far = steps.get(step.name, Step(step.name, 0, 0.0))
        total = so_far.messages + step.messages
        steps[step.name] = Step(step.name, total, so_far.seconds + step.seconds)
    rows = [
        (step.name, f"{step.messages:,}", f"{step.seconds:.3f}", f"{_rate(step):,.0f}")
        for step in steps.values()
        if step.messages
    ]
    numbers = [Column(name, is_number=True) for name in ("messages", "seconds", "a second")]
    show.screen.heading("How long it took")
    show.screen.table([Column("step"), *numbers], rows)
    if not show.more:
        show.screen.line("So few messages mostly measure how the process warms up.", "dim")


def advise(screen: Screen, folder: Path | None) -> None:
    """Say what to try next."""
    screen.heading("Try next")
    if which("messaging") is None and Path(".venv/bin/activate").exists():
        screen.line("  . .venv/bin/activate              first: then your shell finds the others")
    if folder is None:
        screen.line("  messaging demo --folder try       keep the database and the messages")
        screen.line("  messaging demo --count 20000      the same with more, and a progress bar")
        screen.line("  messaging demo --serve            call it over HTTP afterwards")
    else:
        screen.line(f"  cd {folder}")
        screen.line("  messaging list --tag parcel --status sent")
        screen.line("  messaging list --subject order --json")
    screen.line("  python docs/examples/campaign.py  a scenario alone: change it, and run it again")
    screen.line("  messaging channels                what a configuration looks like")


def _row(show: Show, number: int, accepted: Message) -> tuple[str, ...]:
    current = show.now(accepted)
    channel = show.engine.messenger.channel(accepted.channel_id)
    is_sent = current.status is Status.SENT
    return (
        str(number),
        current.id.hex[-6:],
        channel.name,
        receivers(current),
        current.status,
        content_size(current, channel),
        f"{current.created_at:%H:%M}",
        _due(current) if accepted.status is Status.SCHEDULED else "now",
        f"{current.last_status_at:%H:%M}" if is_sent else "",
    )


def _due(message: Message) -> str:
    return _short(message.scheduled_for) if message.scheduled_for else ""


def _short(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %b %H:%M}"


def _rate(step: Step) -> float:
    return step.messages / step.seconds if step.seconds else 0.0
