"""The demonstration: accept, deliver and follow the example messages, and show all of it."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from messaging_adapters.cli.config.engine import Engine
from messaging_adapters.cli.demo import contents, report, scenarios
from messaging_adapters.cli.demo.examples import example_path
from messaging_adapters.cli.demo.http import serve
from messaging_adapters.cli.demo.server import MailServer
from messaging_adapters.cli.demo.settings import BEGIN, CONFIG, MAIL_FOLDER
from messaging_adapters.cli.demo.show import Show
from messaging_adapters.cli.interrupts import stoppable
from messaging_adapters.cli.output.screen import Screen
from messaging_adapters.cli.request_lines import Line, opened
from messaging_adapters.cli.usage import UsageError
from messaging_adapters.config.database import open_storage
from messaging_adapters.config.file import Config, load_config
from messaging_adapters.transports.email.smtp import SmtpTransport
from messaging_core.messenger import Messenger
from messaging_core.models.common.channel import EMAIL
from messaging_core.testing.clock import ManualClock


def demo(options: Namespace) -> int:
    """Send the examples through a real database, files and a real mail server, and show it."""
    if options.count is not None and options.count < 1:
        raise UsageError("--count takes a number from 1 on")
    with opened(str(example_path())) as source:
        examples = list(source.lines(None))[: options.count]
    with _folder(options.folder) as folder, _show(folder) as show:
        report.introduce(show.screen, options.folder)
        _play(show, examples, options.count or len(examples))
        scenarios.play(show.screen)
        report.advise(show.screen, options.folder)
        return serve(show) if options.serve and not show.stop.is_set() else 0


def _play(show: Show, examples: Sequence[Line], count: int) -> None:
    """Accept, deliver now, and then later; what was shown of it came from where it arrived."""
    show.accept(examples, count)
    report.refused(show)
    show.deliver_now()
    report.messages(show)
    report.later(show)
    contents.sms(show)
    contents.mail(show)
    contents.push(show)
    report.timings(show)


@contextmanager
def _folder(folder: Path | None) -> Iterator[Path]:
    """Open a folder for everything that the demonstration writes."""
    if folder is None:
        with TemporaryDirectory(prefix="messaging-demo-") as name:
            yield Path(name)
        return
    if (folder / "messages.db").exists():
        raise UsageError(f"{folder} holds a demo already: name another folder, or remove it")
    folder.mkdir(parents=True, exist_ok=True)
    yield folder


@contextmanager
def _show(folder: Path) -> Iterator[Show]:
    clock, path = ManualClock(BEGIN), folder / "messaging.toml"
    path.write_text(CONFIG, encoding="utf-8")
    with (
        MailServer(folder / MAIL_FOLDER) as server,
        _engine(load_config(path), server, clock) as engine,
        stoppable() as stop,
    ):
        yield Show(screen=Screen(), engine=engine, clock=clock, folder=folder, stop=stop)


@contextmanager
def _engine(config: Config, server: MailServer, clock: ManualClock) -> Iterator[Engine]:
    """Make an engine as configured, but for the email, which goes to the server."""
    with ExitStack() as stack:
        storage = open_storage(config.database, config.driver)
        stack.callback(storage.close)
        smtp = stack.enter_context(SmtpTransport(server.host, server.port, security="none"))
        channels = {
            channel: smtp if channel.platform == EMAIL else config.transport(name)
            for name, channel in config.channels.items()
        }
        messenger = Messenger(storage=storage, channels=channels, clock=clock)
        yield Engine(config=config, storage=storage, messenger=messenger)
