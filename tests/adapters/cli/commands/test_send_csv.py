"""A CSV file whose columns fill a template, with what goes wrong in such files."""

import io
import shlex
import signal
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from messaging_adapters.cli.csv_requests import CsvSource
from messaging_adapters.storage.sqlite import SqliteStorage
from messaging_core import Channel, Message, Messenger, Rejection
from messaging_core.models import (
    TemplateContent,
    TemplateProject,
    TemplateVariable,
    TemplateVersion,
    VariableType,
)
from messaging_core.testing import RecordingTransport

VERSION = TemplateVersion(
    id=UUID("01890a5d-ac96-774b-bcce-b302099a8057"),
    project_id="parcel",
    default_locale="en",
    generic_content=(
        TemplateContent(locale="en", text="Hi {{ name }}, locker {{ locker }}"),
        TemplateContent(locale="nl", text="Hoi {{ name }}, kluis {{ locker }}"),
    ),
    variables=(
        TemplateVariable(key="name", default="there"),
        TemplateVariable(key="locker", type=VariableType.NUMBER),
    ),
)
ROWS = "to,name,locker\n+31600000001,Ada,7\n+31600000002,Grace,8\n"
SEND = ("send", "--csv", "--template", "parcel", "--channel", "parcels", "people.csv")


@pytest.fixture(autouse=True)
def template(shop: Path) -> None:
    save_template(shop, VERSION)


def save_template(shop: Path, version: TemplateVersion) -> None:
    channel = Channel(name="parcels", platform="sms")
    with Messenger(
        storage=SqliteStorage(shop / "shop.db"), channels={channel: RecordingTransport()}
    ) as messenger:
        messenger.templates.save(version.project_id, version)
        messenger.templates.activate(version.project_id, version.id)


@pytest.fixture
def people(shop: Path) -> Callable[[str | bytes], None]:
    def people(content: str | bytes) -> None:
        content = content if isinstance(content, bytes) else content.encode()
        (shop / "people.csv").write_bytes(content)

    return people


@pytest.fixture
def texts(messages: Callable[..., list[dict[str, Any]]]) -> Callable[[], dict[str, str]]:
    """Return the text that each receiver got."""

    def texts() -> dict[str, str]:
        return {
            message["receiver"]["contacts"][0]["identifierValue"]: message["body"]["text"]["text"]
            for message in messages("--limit", "9000")
        }

    return texts


ALL = {"+31600000001": "Hi Ada, locker 7", "+31600000002": "Hi Grace, locker 8"}


@pytest.mark.parametrize(
    "content",
    [
        ROWS,
        ROWS.encode("utf-8-sig"),
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t").replace("\n", "\r\n"),
        ROWS.replace("to,name", ' to ,"name"'),
        ROWS.replace("\n", ",,\n") + ",,,,\n\n",  # as spreadsheets write columns that are empty
        ROWS.replace("Ada,7", '"Ada", 7 '),
    ],
)
def test_columns_fill_the_template_in_every_dialect(content, run, people, texts):
    people(content)

    ran = run(*SEND)

    assert (ran.status, ran.err) == (0, "")
    assert "2 sent, 0 failed" in ran.out
    assert texts() == ALL


def test_a_file_that_is_sent_again_sends_only_what_was_refused(run, people, texts):
    people(ROWS.replace("+31600000002", "+316"))
    ran = run(*SEND)
    assert ran.status == 1
    assert ran.err == (
        "people.csv:3: to: too short for a phone number [receiver.number_too_short]\n"
    )

    people(ROWS)
    again = run(*SEND)

    assert again.status == 0
    assert "Delivered what was due: 1 sent" in again.out
    assert texts() == ALL


def test_a_column_tells_messages_apart_wherever_their_rows_move(run, people, texts):
    by_id = (*SEND, "--idempotency-key", "id")
    people("id,to,name,locker\n1,+31600000001,Ada,7\n")
    run(*by_id)

    people("id,to,name,locker\n2,+31600000002,Grace,8\n1,+31600000001,Ada,7\n,+31600000003,Jo,9\n")
    ran = run(*by_id)

    assert "Delivered what was due: 1 sent" in ran.out
    assert ran.err.startswith("people.csv:4: id: there is no text here to make an idempotency key")
    assert texts() == ALL


def test_columns_name_the_receiver_the_language_and_tags_are_for_all(run, people, messages, texts):
    people('phone,name,locker,language\n+31600000001,"Ada\nLovelace",7,nl\n+31600000002,,8,\n')

    ran = run(*SEND, "--to", "phone", "--locale", "language", "--tag", "march", "--tag", "nl")

    assert (ran.status, ran.err) == (0, "")
    assert texts() == {
        "+31600000001": "Hoi Ada\nLovelace, kluis 7",
        "+31600000002": "Hi there, locker 8",
    }
    assert len(messages("--tag", "march")) == 2


def test_each_row_that_cannot_be_sent_is_named_and_stops_no_other(run, people, texts):
    people(
        ROWS.encode()
        + b"+31600000003,Jos\xe9,1\n"  # Latin-1
        + b'+31600000004,"Ada" B,1\n'
        + b"+31600000005,Ada\n"
        + b"+31600000006,Ada,seven\n"
        + b"+31600000007,Ada,\n"
        + b"3.16E+10,Ada,1\n"
        + b'+31600000008,"two\nlines",x\n'
        + b"+31600000009,Jo,9\n"
    )

    ran = run(*SEND)

    assert ran.status == 1
    places = [line.rpartition(" ")[0].split(": ")[:2] for line in ran.err.splitlines()]
    assert places == [
        ["people.csv:4", "/"],
        ["people.csv:5", "/"],
        ["people.csv:6", "/"],
        ["people.csv:7", "locker"],
        ["people.csv:8", "/template/parameters"],
        ["people.csv:9", "to"],
        ["people.csv:10", "locker"],
    ]
    for words in (
        "not utf-8: save the file as UTF-8, or name its encoding with --encoding",
        'text follows a closed quote; inside quotes write "" for one [csv.unreadable]',
        "2 values for 3 columns [csv.columns]",
        "locker: must be a number, such as 12 or 12.50 [csv.value]",
        "locker has no value [template.missing_variable]",
    ):
        assert words in ran.err
    assert texts() == ALL | {"+31600000009": "Hi Jo, locker 9"}


def test_a_quote_that_is_not_closed_is_one_fault_and_takes_no_memory(run, people, texts):
    people(ROWS + '+31600000003,"Jo,1\n' + "+31600000004,Al,2\n" * 20)

    ran = run(*SEND)

    assert ran.err.startswith(
        "people.csv:4: /: lines 4 to 24: a quote is not closed; none of these"
    )
    assert len(ran.err.splitlines()) == 1
    assert texts() == ALL


def test_lines_that_a_quote_swallowed_are_all_named(run, people, texts):
    people('to,name,locker\n+31600000003,"Jo,1\n+31600000004,"Al",2\n' + ROWS.partition("\n")[2])

    ran = run(*SEND)

    assert "people.csv:2: /: lines 2 to 3: a quote is not closed, or text follows" in ran.err
    assert "none of these lines was read" in ran.err
    assert texts() == ALL


def test_another_encoding_is_read_when_it_is_named(run, people, texts):
    people(ROWS.replace("Ada", "José").encode("cp1252"))

    assert run(*SEND, "--encoding", "cp1252").status == 0
    assert texts()["+31600000001"] == "Hi José, locker 7"


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("", (), "people.csv: the file is empty; its first line names the columns"),
        (ROWS.encode("utf-16"), (), "the file is UTF-16: save it as UTF-8"),
        (ROWS.replace("to,", "phone,"), (), 'people.csv:1: no column "to"; give --to COLUMN; the'),
        (ROWS, ("--to", "nmae"), 'no column "nmae" (did you mean "name"?)'),
        (ROWS, ("--locale", "lang"), "give --locale COLUMN; the columns are: to, name, locker"),
        (ROWS, ("--idempotency-key", "id"), "give --idempotency-key COLUMN"),
        (ROWS.replace("name", "to"), (), 'people.csv:1: two columns are called "to"'),
        (ROWS.replace("locker", "box"), (), 'the template "parcel" takes locker, and no column'),
        (ROWS.replace("name", "n\xe4me").encode("latin-1"), (), "people.csv:1: not utf-8"),
        (ROWS, ("--template", "parcle"), 'no template "parcle" (did you mean "parcel"?); there'),
        (ROWS, ("--template", ""), "--csv needs --template NAME"),
        (ROWS, ("--encoding", "utf-16"), "--encoding is utf-8, cp1252, latin-1 or the like, not"),
        (ROWS, ("--encoding", "base64"), "--encoding is utf-8"),
        (ROWS, ("--channel", "parcel"), 'no channel "parcel" (did you mean "parcels"?)'),
        (
            ROWS,
            ("--channel", ""),
            "which channel? Give --channel NAME; there are: parcels, support",
        ),
    ],
)
def test_a_file_that_cannot_be_sent_as_it_is_sends_nothing(content, options, words, run, people):
    people(content)

    ran = run(*SEND, *options)

    assert ran.status == 2
    assert words in ran.err
    assert run("list").err == "no messages\n"


@pytest.mark.parametrize("option", ["--template", "--to", "--locale", "--tag", "--encoding"])
def test_options_of_columns_need_csv(option, run, people):
    people(ROWS)

    ran = run("send", option, "x", "people.csv")

    assert ran.status == 2
    assert ran.err == f"messaging: {option} needs --csv: a line of JSON says it itself\n"


def test_columns_that_the_template_does_not_take_are_named_once(run, people, texts):
    people("to,nmae,locker,\n+31600000001,Ada,7,\n")

    ran = run(*SEND)

    assert (ran.status, ran.err) == (0, "people.csv: not used by the template: nmae\n")
    assert texts() == {"+31600000001": "Hi there, locker 7"}


def test_a_dry_run_plans_each_row_and_sends_nothing(run, people, messages):
    people(ROWS + "+316,Jo,9\n+31600000003,Jo\n")

    ran = run(*SEND, "--dry-run")

    assert ran.status == 1
    assert "people.csv:2: accepted" in ran.out
    assert "Hi Ada, locker 7" in ran.out
    assert "people.csv:4: to: too short" in ran.out
    assert "people.csv:5: /: 2 values for 3 columns" in ran.out
    assert messages() == []
    assert run("plan", *SEND[1:]).out == ran.out


def test_flags_and_objects_become_values_of_their_type(run, people, shop, texts):
    variables = (
        TemplateVariable(key="paid", type=VariableType.BOOLEAN),
        TemplateVariable(key="order", type=VariableType.OBJECT),
        TemplateVariable(key="shop.name"),
    )
    content = TemplateContent(locale="en", text="{{ paid }} {{ order.id }} {{ shop.name }}")
    version = TemplateVersion(
        id=UUID(int=7),
        project_id="order",
        default_locale="en",
        generic_content=(content,),
        variables=variables,
    )
    save_template(shop, version)
    people(
        'to,paid,order,shop.name\n+31600000001,Yes,"{""id"": ""A1""}",Acme\n'
        "+31600000002,maybe,{},x\n+31600000003,no,[],x\n"
    )

    ran = run(*SEND, "--template", "order")

    assert texts() == {"+31600000001": "true A1 Acme"}
    assert "people.csv:3: paid: must be true or false [csv.value]" in ran.err
    assert "people.csv:4: order: must be a JSON object [csv.value]" in ran.err


def test_a_template_without_an_active_version_is_named(run, people, shop):
    channel = Channel(name="parcels", platform="sms")
    with Messenger(
        storage=SqliteStorage(shop / "shop.db"), channels={channel: RecordingTransport()}
    ) as messenger:
        messenger.templates.deactivate("parcel", VERSION.id)
    people(ROWS)

    ran = run(*SEND)

    assert ran.status == 2
    assert 'the template "parcel" has no active version: activate one' in ran.err


def test_standard_input_is_read(run, monkeypatch, texts):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(ROWS.encode())))

    assert run(*SEND[:-1], "-").status == 0
    assert texts() == ALL


def test_a_stop_says_how_to_go_on(run, people, texts, messages, monkeypatch):
    send_many = Messenger.send_many

    def stopped(self: Messenger, *arguments: Any, **keywords: Any) -> list[Message | Rejection]:
        signal.raise_signal(signal.SIGINT)
        return send_many(self, *arguments, **keywords)

    people(ROWS)
    with monkeypatch.context() as patch:
        patch.setattr("messaging_adapters.cli.request_lines._MOST", 1)
        patch.setattr(Messenger, "send_many", stopped)
        ran = run(*SEND, "--tag", "a b", "--idempotency-key", "name", "--no-deliver")
    command = ran.err.rpartition("to go on: messaging ")[2]

    assert ran.status == 130
    assert command == (
        "send --channel parcels --idempotency-key name --template parcel --tag 'a b' --csv "
        "--no-deliver --from-line 3 people.csv\n"
    )
    assert run(*shlex.split(command)).status == 0
    assert texts() == ALL
    assert {message["status"] for message in messages()} == {"accepted"}


def test_memory_stays_flat_however_many_rows(people, shop):
    def peak_for(number: int) -> int:
        people("to,name,locker\n" + "+31600000001,Ada,7\n" * number)
        tracemalloc.start()
        with (shop / "people.csv").open("rb") as stream:
            source = CsvSource(
                name="people.csv",
                stream=stream,
                size=None,
                encoding="utf-8",
                project=TemplateProject(id="parcel", name="parcel"),
                version=VERSION,
                to="to",
                locale=None,
                key="name",
                tags=(),
                remark=print,
            )
            assert sum(len(chunk) for chunk in source.chunks("parcels")) == number
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    peak_for(2000)  # imports and caches
    few, many = peak_for(2000), peak_for(10_000)

    assert many < few * 1.3, f"{few:,} and {many:,} bytes"
