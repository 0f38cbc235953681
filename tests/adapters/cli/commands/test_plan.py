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
