"""Replay many dead letters: which ones, why, and how far it is."""

from secrets import token_urlsafe
from typing import Final
from uuid import UUID

from attrs import frozen

from messaging_adapters.viewer import text
from messaging_adapters.viewer.access import Right
from messaging_adapters.viewer.forms import Form, FormAnswer, SeeOther
from messaging_adapters.viewer.page import Page
from messaging_adapters.viewer.page_request import PageRequest
from messaging_adapters.viewer.pages import replay_job
from messaging_adapters.viewer.pages.message_acts import MOST_REASON, reason_in
from messaging_adapters.viewer.pages.message_rows import Row, row_of
from messaging_adapters.viewer.pages.operations_failures import advice_of, words_of
from messaging_adapters.viewer.pages.operations_figures import STEPS
from messaging_adapters.viewer.pages.replay_job import ReplayJob
from messaging_adapters.viewer.parameters import WINDOWS, FilterError
from messaging_adapters.viewer.reads import TOO_LONG, Reads, TooLong
from messaging_core.errors import StorageBusyError
from messaging_core.models.common.page import Page as Results
from messaging_core.models.messages.message import Direction, Message
from messaging_core.models.messages.query import MessageQuery
from messaging_core.models.messages.status import Status

_KEY_BYTES: Final = 16
_CODE: Final = "failureCode"


@frozen(kw_only=True)
class ReplayView:
    """What is replayed, before it is.

    Attributes:
        code: Why they failed.
        rows: Each message, with its id; those are frozen in the form.
        more: Whether there are more than can go at once.
        advice: Why replaying does not help, if it does not.
    """

    code: str
    words: str
    rows: tuple[Row, ...]
    more: bool
    advice: str | None
    took_too_long: bool
    most_reason: int
    a_step: int
    url: str
    operations_url: str


@frozen(kw_only=True)
class ResultRow:
    """What became of one message."""

    id: str
    url: str
    result: str
    new_url: str | None


@frozen(kw_only=True)
class JobView:
    """How far a replay is."""

    sentence: str
    is_running: bool
    is_stopped: bool
    number: int
    done: int
    rows: tuple[ResultRow, ...]
    step_url: str
    stop_url: str
    operations_url: str


async def read(request: PageRequest, reads: Reads) -> Results[Message] | TooLong:
    """Read the dead letters with one code."""
    request.parameters.require_known([_CODE, "since"])
    span = request.parameters.choice("since", STEPS) or "24h"
    query = MessageQuery(
        workspace=request.workspace,
        status=(Status.SENDING_FAILED,),
        direction=Direction.OUTGOING,
        failure_code=(_code(request),),
        start_at=request.times.now - WINDOWS[span],
        limit=replay_job.MOST,
    )
    return await reads(reads.messenger.find, query)


def show(request: PageRequest, model: Results[Message] | TooLong) -> ReplayView:
    """Return what would be replayed."""
    code = str(_code(request))
    messages = () if model is TOO_LONG else tuple(model.results)
    return ReplayView(
        code=code,
        words=words_of(code),
        rows=tuple(row_of(message, request) for message in messages),
        more=model is not TOO_LONG and model.next_page_token is not None,
        advice=advice_of(code),
        took_too_long=model is TOO_LONG,
        most_reason=MOST_REASON,
        a_step=replay_job.A_STEP,
        url=request.urls.to("operations", "replay"),
        operations_url=request.urls.to("operations"),
    )


def _code(request: PageRequest) -> int:
    value = request.parameters.get(_CODE) or ""
    if not value.isascii() or not value.isdigit() or len(value) != 5:  # noqa: PLR2004
        raise FilterError(_CODE, "a number of five digits, such as 15002")
    return int(value)


async def start(request: PageRequest, reads: Reads) -> FormAnswer:
    """Freeze the messages of a form, and lead to the page that sends them.

    Raises:
        FilterError: The form has no reason, or no messages.
    """
    job = ReplayJob(
        key=token_urlsafe(_KEY_BYTES),
        workspace=request.workspace,
        ids=_ids(request),
        reason=reason_in(request),
    )
    await reads.act(replay_job.save, reads.messenger, job)
    return SeeOther(_url(request, job.key))


def _ids(request: PageRequest) -> tuple[UUID, ...]:
    values = dict.fromkeys(request.form.all("id"))
    try:
        ids = tuple(map(UUID, values))
    except ValueError:
        raise FilterError("id", "ids of messages") from None
    if not 1 <= len(ids) <= replay_job.MOST:
        raise FilterError("id", f"1 to {replay_job.MOST} ids of messages")
    return ids


async def read_job(request: PageRequest, reads: Reads) -> ReplayJob:
    """Read how far a replay is."""
    request.parameters.require_known([])
    job = await reads(replay_job.load, reads.messenger, request.path["key"], request.workspace)
    if job is TOO_LONG:
        raise StorageBusyError("the replay could not be read in time")
    return job


def show_job(request: PageRequest, job: ReplayJob) -> JobView:
    """Return how far a replay is."""
    new = replay_job.new_ids(job.results)
    sent = sum(1 for message_id in new if message_id)
    left_out, rest = len(job.results) - sent, len(job.ids) - len(job.results)
    state = "Stopped" if job.is_stopped else "Done" if job.is_done else "Under way"
    rows = zip(job.ids, job.results, new, strict=False)
    return JobView(
        sentence=f"{state}: {sent} sent once more, {left_out} left out, {rest} to go.",
        is_running=not job.is_stopped and not job.is_done,
        is_stopped=job.is_stopped,
        number=len(job.ids),
        done=len(job.results),
        rows=tuple(
            ResultRow(
                id=str(message_id),
                url=request.urls.to("messages", str(message_id)),
                result="sent once more" if new_id else text.line(result, 120),
                new_url=request.urls.to("messages", str(new_id)) if new_id else None,
            )
            for message_id, result, new_id in rows
        ),
        step_url=_url(request, job.key, "step"),
        stop_url=_url(request, job.key, "stop"),
        operations_url=request.urls.to("operations"),
    )


async def submit_step(request: PageRequest, reads: Reads) -> FormAnswer:
    """Send the next few messages."""
    job = await read_job(request, reads)
    await reads.act(replay_job.step, reads.messenger, job, actor=request.visitor.name)
    return SeeOther(_url(request, job.key))


async def submit_stop(request: PageRequest, reads: Reads) -> FormAnswer:
    """Stop a replay."""
    job = await read_job(request, reads)
    await reads.act(replay_job.stop, reads.messenger, job)
    return SeeOther(_url(request, job.key))


def _url(request: PageRequest, key: str, *more: str) -> str:
    return request.urls.to("operations", "replays", key, *more)


REPLAY: Final = Page(
    name="replay",
    title="Replay",
    path="/operations/replay",
    read=read,
    show=show,
    right=Right.ACT_MANY,
    section="operations",
)
JOB: Final = Page(
    name="replay_job",
    title="Replay",
    path="/operations/replays/{key}",
    read=read_job,
    show=show_job,
    right=Right.ACT_MANY,
    section="operations",
)
REPLAY_FORMS: Final = (
    Form(path=REPLAY.path, right=Right.ACT_MANY, submit=start, page=REPLAY),
    Form(path=f"{JOB.path}/step", right=Right.ACT_MANY, submit=submit_step, page=JOB),
    Form(path=f"{JOB.path}/stop", right=Right.ACT_MANY, submit=submit_stop, page=JOB),
)
