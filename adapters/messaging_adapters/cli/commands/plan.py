"""The command that shows what sending would do, without doing it."""

from argparse import Namespace
from datetime import datetime
from typing import Final

from messaging_adapters.cli.commands.accept import default_channel, refusal, unknown_channel
from messaging_adapters.cli.config.engine import Engine, planning_engine
from messaging_adapters.cli.csv_requests import csv_source
from messaging_adapters.cli.output.screen import STYLES, Screen
from messaging_adapters.cli.output.tables import Facts, envelope_facts, sms_facts
from messaging_adapters.cli.output.timestamps import moment, span
from messaging_adapters.cli.request_lines import Line, opened
from messaging_core.errors import UnknownChannelError
from messaging_core.models.policy.plan import Plan, Verdict

_INDENT: Final = 12


def plan(options: Namespace) -> int:
    """Show, for each request of a file, the verdict, the reasons, the times and the content."""
    screen = Screen()
    faulty = False
    with opened(options.file) as file, planning_engine(options) as engine:
        now, channel = engine.messenger.clock.now(), default_channel(options.channel, engine)
        source = csv_source(file, options, channel, engine, screen.remark)
        for line in source.lines(channel, options.from_line):
            plan = _planned(engine, line)
            faulty |= not plan.would_send
            _show(screen, source.name, line, plan, now)
    return 1 if faulty else 0


def _planned(engine: Engine, line: Line) -> Plan:
    if line.fault:
        return Plan(verdict=Verdict.INVALID, violations=(line.fault,))
    try:
        return engine.messenger.plan(line.channel or "", line.request)
    except UnknownChannelError as error:
        refused = unknown_channel(line.channel, error)
        return Plan(verdict=Verdict.INVALID, violations=refused.violations)


def _show(screen: Screen, name: str, line: Line, plan: Plan, now: datetime) -> None:
    screen.line(f"{name}:{line.number}: {plan.verdict}", STYLES.get(plan.verdict))
    for violation in plan.violations:
        screen.line(f"  {refusal(name, line, violation)}")
    _show_facts(screen, plan, now, "  ")
    screen.line()


def _show_facts(screen: Screen, plan: Plan, now: datetime, indent: str) -> None:
    """Show the times, reasons and content of a plan, and below it the plan of its fallback."""
    for label, value in _facts(plan, now):
        for number, text in enumerate(value.splitlines() or [""]):
            screen.line(f"{indent}{'' if number else label:<{_INDENT}}{text}")
    fallback = plan.fallback
    if fallback is None:
        return
    screen.line(f"{indent}{'fallback':<{_INDENT}}{fallback.verdict}")
    for violation in fallback.violations:
        screen.line(f"{indent}  {violation}")
    _show_facts(screen, fallback, now, f"{indent}  ")


def _facts(plan: Plan, now: datetime) -> Facts:
    if plan.due_at:
        ahead = plan.due_at - now
        yield "due", f"{moment(plan.due_at)}, in {span(ahead)}" if ahead else "now"
        yield "valid until", moment(plan.expires_at)
    for reason in plan.reasons:
        facts = ", ".join(f"{name} {value}" for name, value in reason.facts.items())
        yield "because", f"{reason.message} [{reason.code}]{f' ({facts})' if facts else ''}"
    if plan.envelope:
        yield from envelope_facts(plan.envelope)
    elif plan.sms:
        yield from sms_facts(plan.sms)
