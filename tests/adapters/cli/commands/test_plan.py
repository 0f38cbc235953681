def test_a_plan_shows_verdict_times_reasons_parts_and_content(run, write, sms):
    late = sms("It\u2019s here \U0001f4e6", scheduledFor="2026-03-03T09:00:00Z")

    ran = run("plan", "--channel", "parcels", write(late))

    assert ran.status == 0
    assert ran.out.startswith("requests.jsonl:1: scheduled\n")
    assert "due         2026-03-03 09:00:00, in 1 day" in ran.out
    assert "valid until 2026-03-04 21:00:00" in ran.out
    assert "[schedule.later]" in ran.out
    assert "1 part, ucs2" in ran.out
    assert "forced by   \u2019 \U0001f4e6" in ran.out
    assert "to          +31600000001" in ran.out


def test_a_plan_says_what_would_be_cheaper(run, write, sms):
    ran = run("plan", "--channel", "parcels", write(sms("It\u2019s here. " + "x" * 100)))

    assert 'forced by   \u2019 ("\'" for \u2019: 1 of 2 parts)' in ran.out
    assert "due         now" in ran.out


def test_a_plan_stores_nothing(run, write, sms, shop):
    run("plan", "--channel", "parcels", write(sms()))

    assert sorted(path.name for path in shop.iterdir()) == ["messaging.toml", "requests.jsonl"]


def test_a_plan_names_every_rule_that_is_broken(run, write, sms):
    name = write(sms(to="+4477009", tags=["?"]), {"channel": "nowhere", "request": sms()})

    ran = run("plan", "--channel", "parcels", name)

    assert ran.status == 1
    assert "requests.jsonl:1: invalid" in ran.out
    assert "[receiver.number_too_short]" in ran.out
    assert "[tags.bad_character]" in ran.out
    assert "[channel.unknown]" in ran.out


def test_a_plan_for_a_mail_shows_subject_and_attachments(run, write):
    files = [{"filename": "a.txt", "content": "aGk=", "contentType": "text/plain"}]
    body = {"html": "<p>Hi</p>", "metadata": {"subject": "Order"}, "attachments": files}
    mail = {
        "receiver": {"contacts": [{"identifierValue": "ada@shop.example"}]},
        "body": {"type": "html", "html": body},
    }

    ran = run("plan", "--channel", "support", write(mail))

    assert "subject     Order" in ran.out
    assert "attached    a.txt" in ran.out


def test_a_plan_shows_the_fallback_below_its_message(run, write, shop):
    config = shop / "messaging.toml"
    app = """
[channels.app]
platform = "push"
escalation = { channel = "parcels", after = 300 }
transport = { type = "file", folder = "push" }
"""
    config.write_text(config.read_text(encoding="utf-8") + app, encoding="utf-8")
    known = {"identifierKey": "phonenumber", "identifierValue": "+31600000001"}
    body = {"type": "text", "text": {"text": "Your parcel is here"}}
    contact = {"identifierValue": "token-1"}
    requests = (
        {"receiver": {"contacts": [contact | {"identifiers": [known]}]}, "body": body},
        {"receiver": {"contacts": [contact]}, "body": body},
    )

    ran = run("plan", "--channel", "app", write(*requests))

    first, second = ran.out.split("requests.jsonl:2: accepted")
    assert ran.status == 0
    assert "valid until 2026-03-02 09:05:00" in first
    assert "fallback    scheduled\n    due         2026-03-02 09:05:00, in 5 minutes" in first
    assert "    to          +31600000001" in first
    assert "fallback    invalid" in second
    assert "[receiver.unreachable]" in second
