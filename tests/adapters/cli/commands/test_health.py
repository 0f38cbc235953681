import json


def test_an_engine_on_time_is_well(run, write, sms):
    run("send", "--channel", "parcels", "--no-deliver", write(sms()))

    ran = run("health")

    assert ran.status == 0
    assert ran.out.startswith("well\n")
    assert "due on parcels" in ran.out


def test_what_is_overdue_is_told_by_the_exit_code(run, write, sms, clock):
    run("send", "--channel", "parcels", "--no-deliver", write(sms()))
    clock.advance(minutes=2)

    ran = run("health")
    state = json.loads(run("health", "--json").out)

    assert ran.status == 1
    assert ran.out.startswith("not well: overdue\n")
    assert (state["ready"], state["problems"]) == (False, ["overdue"])
    assert (state["due"], state["oldestOverdueSeconds"]) == (1, 120.0)
    (backlog,) = state["backlog"]
    assert (backlog["channel"], backlog["number"]) == ("parcels", 1)
