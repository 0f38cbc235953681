import json
from uuid import UUID

import pytest


@pytest.fixture
def sent(run, write, sms):
    """A parcel notice, a mail to two and a scheduled message, all accepted at nine."""
    mail = {
        "receiver": {
            "contacts": [
                {"identifierValue": "ada@shop.example"},
                {"identifierValue": "bob@shop.example", "type": "cc"},
            ]
        },
        "body": {
            "type": "text",
            "text": {"text": "Hello,\nAda", "metadata": {"subject": "Your order"}},
        },
        "reference": "order-7",
    }
    name = write(
        {"channel": "parcels", "request": sms(tags=["VIP"])},
        {"channel": "support", "request": mail},
        {"channel": "parcels", "request": sms(scheduledFor="2026-03-05T09:00:00Z")},
    )
    assert run("send", name).status == 0


@pytest.mark.usefixtures("sent")
def test_the_list_shows_full_ids_status_channel_and_receivers(run, messages):
    ran = run("list")

    assert ran.status == 0
    assert all(message["id"] in ran.out for message in messages())
    assert "support  ada@shop.example +1" in ran.out
    assert "2026-03-02 09:00" in ran.out
    assert all(len(line) <= 100 for line in ran.out.splitlines())


@pytest.mark.usefixtures("sent")
def test_ids_are_never_cut_however_narrow_the_terminal(run, messages, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")

    ran = run("list")

    assert all(message["id"] in ran.out for message in messages())


@pytest.mark.usefixtures("sent")
def test_json_is_one_message_a_line_in_the_shape_of_the_bird_api(messages):
    (mail,) = messages("--platform", "email")

    assert UUID(mail["id"]).version == 7
    assert mail["receiver"]["contacts"][0]["identifierValue"] == "ada@shop.example"
    assert mail["body"]["text"]["metadata"]["subject"] == "Your order"
    assert mail["createdAt"] == "2026-03-02T09:00:00.000Z"


@pytest.mark.parametrize(
    ("filters", "number"),
    [
        (["--status", "sent"], 2),
        (["--status", "sent", "--status", "scheduled"], 3),
        (["--platform", "sms"], 2),
        (["--channel", "support"], 1),
        (["--tag", "vip"], 1),
        (["--to", "ada@shop.example"], 1),
        (["--from", "support@shop.example"], 1),
        (["--subject", "order"], 1),
        (["--reference", "order-7"], 1),
        (["--country", "NL"], 2),
        (["--direction", "incoming"], 0),
        (["--since", "today"], 3),
        (["--since", "10:00"], 0),
        (["--since", "yesterday", "--until", "2026-03-02T09:00:00.001Z"], 3),
        (["--until", "2026-03-02"], 0),
    ],
)
@pytest.mark.usefixtures("sent")
def test_filters_choose_messages(messages, filters, number):
    assert len(messages(*filters)) == number


@pytest.mark.usefixtures("sent")
def test_pages_follow_one_another(run, messages):
    everything = [message["id"] for message in messages("--reverse")]

    first = run("list", "--json", "--reverse", "--limit", "2")
    token = first.err.split()[-1]
    second = run("list", "--json", "--reverse", "--limit", "2", "--page-token", token)

    listed = [json.loads(line)["id"] for line in (first.out + second.out).splitlines()]
    assert listed == everything
    assert second.err == ""


@pytest.mark.usefixtures("sent")
def test_nothing_found_is_said(run):
    ran = run("list", "--tag", "unknown")

    assert (ran.status, ran.out, ran.err) == (0, "", "no messages\n")


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        (["--limit", "0"], "a page has 1 to 1000 messages"),
        (["--since", "soon"], "'soon' is no date or time"),
        (["--since", "10:30 XYZ"], "is no date or time"),
        (["--since", "99999999999999999999"], "is no date or time"),
        (["--page-token", "x"], "page token"),
        (["--channel", "parcel"], 'no channel "parcel" (did you mean "parcels"?)'),
    ],
)
@pytest.mark.usefixtures("sent")
def test_filters_that_make_no_sense_are_explained_on_one_line(run, filters, words):
    ran = run("list", *filters)

    assert ran.status == 2
    assert words in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.usefixtures("sent")
def test_a_message_is_shown_with_everything_about_it(run, messages):
    (mail,) = messages("--platform", "email")

    ran = run("show", mail["id"])

    assert "status      sent since 2026-03-02 09:00:00" in ran.out
    assert "cc          bob@shop.example" in ran.out
    assert "text        Hello,\n            Ada\n" in ran.out
    assert json.loads(run("show", "--json", mail["id"]).out) == mail


@pytest.mark.usefixtures("sent")
def test_a_message_that_waits_is_shown_with_its_times(run, messages):
    (waiting,) = messages("--status", "scheduled")

    ran = run("show", waiting["id"])

    assert "due         2026-03-05 09:00:00, valid until 2026-03-06 21:00:00" in ran.out
    assert "attempts    0" in ran.out


@pytest.mark.usefixtures("sent")
def test_a_message_that_waits_is_cancelled_once(run, messages):
    (waiting,) = messages("--status", "scheduled")

    first, second = run("cancel", waiting["id"]), run("cancel", waiting["id"])

    assert (first.status, first.out) == (0, f"{waiting['id']} is cancelled: it will not be sent\n")
    assert (second.status, second.err) == (
        1,
        f"messaging: too late: {waiting['id']} is deleted\n",
    )


@pytest.mark.usefixtures("sent")
def test_a_timeline_shows_what_happened_in_order(run, messages):
    (mail,) = messages("--platform", "email")

    ran = run("timeline", mail["id"])

    assert ran.out.index("admitted") < ran.out.index("attempted 1")
    told = [json.loads(line) for line in run("timeline", "--json", mail["id"]).out.splitlines()]
    assert [event["kind"] for event in told] == ["admitted", "attempted"]


@pytest.mark.parametrize("command", ["show", "timeline", "cancel"])
@pytest.mark.usefixtures("sent")
def test_an_id_that_is_none_or_not_there_is_explained(run, command):
    short, other = run(command, "019c"), run(command, "01a1fa7e-f08c-78f5-9d78-349b502d10fa")

    assert (short.status, other.status) == (2, 2)
    assert short.err == "messaging: '019c' is no message id; messaging list shows them in full\n"
    assert other.err == "messaging: no message 01a1fa7e-f08c-78f5-9d78-349b502d10fa\n"


def test_looking_makes_no_database(run, shop):
    ran = run("list")

    assert (ran.status, ran.err) == (
        2,
        "messaging: there is no database shop.db yet: messaging send makes it\n",
    )
    assert not (shop / "shop.db").exists()


@pytest.mark.usefixtures("sent")
def test_a_database_can_be_looked_at_without_a_configuration(run, shop):
    (shop / "messaging.toml").unlink()

    ran = run("list", "--database", "shop.db")

    assert ran.status == 0
    assert "ada@shop.example" in ran.out


def test_a_file_that_is_no_database_is_named(run, shop):
    (shop / "shop.db").write_text("hello, hello, this is no database at all")

    ran = run("list")

    assert ran.status == 2
    assert "shop.db as a database: file is not a database" in ran.err


def test_control_characters_of_a_message_do_not_reach_the_terminal(run, write, sms, messages):
    run("send", "--channel", "parcels", write(sms("\x1b[31mred \u202etxt")))
    (message,) = messages()

    ran = run("show", message["id"])

    assert "\\x1b[31mred \\u202etxt" in ran.out
    assert "\x1b" not in ran.out


def test_a_message_that_failed_is_shown_with_the_reason(run, write, sms, messages, shop):
    (shop / "sms").write_text("a file, where a folder should be made")
    run("send", "--channel", "parcels", write(sms()))
    (message,) = messages()

    ran = run("show", message["id"])

    assert "reason      the folder cannot be written to" in ran.out
    assert "failure     the folder cannot be written to (15004, file FileExistsError)" in ran.out


def test_a_timeline_names_the_fallback_and_the_message_before_it(run, write, shop, messages):
    config = shop / "messaging.toml"
    app = """
[channels.app]
platform = "push"
escalation = { channel = "parcels", after = 300 }
transport = { type = "file", folder = "push" }
"""
    config.write_text(config.read_text(encoding="utf-8") + app, encoding="utf-8")
    known = {"identifierKey": "phonenumber", "identifierValue": "+31600000001"}
    request = {
        "receiver": {"contacts": [{"identifierValue": "token-1", "identifiers": [known]}]},
        "body": {"type": "text", "text": {"text": "Your parcel is here"}},
    }
    assert run("send", "--channel", "app", write(request)).status == 0
    (first,) = messages("--platform", "push")
    (fallback,) = messages("--platform", "sms")

    assert f"{fallback['id']})" in run("timeline", first["id"]).out
    assert f"{first['id']})" in run("timeline", fallback["id"]).out
