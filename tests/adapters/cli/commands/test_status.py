import json


def test_every_channel_has_its_figures(run, write, sms, clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    later = sms(scheduledFor="2026-03-02T12:00:00Z")
    sent = run("send", "--channel", "parcels", "--no-deliver", write(sms(), later))
    assert sent.status == 0, sent.err

    well = run("status")
    clock.advance(minutes=2)
    late = run("status")
    state = json.loads(run("status", "--json").out)

    assert (well.status, late.status) == (0, 1)
    assert well.out.startswith("well\n1 due, 0 in doubt, 0 dead letters in 24 h\n0 workers")
    assert late.out.startswith("not well: overdue\n")
    assert max(map(len, late.out.splitlines())) <= 80
    assert "\x1b" not in late.out
    assert [(own["channel"], own["due"], own["scheduled"]) for own in state["channels"]] == [
        ("parcels", 1, 1),
        ("support", 0, 0),
    ]
    assert state["problems"] == ["overdue"]
