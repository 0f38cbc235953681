import json
import re
from collections import Counter
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples" / "messages.jsonl"

pytest.importorskip("aiosmtpd")


@pytest.fixture
def examples():
    lines = EXAMPLES.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_every_example_does_what_its_note_says(run, examples):
    assert run("demo", "--folder", "try").status == 0
    refused = [example for example in examples if example["note"].startswith("refused: ")]

    ran = run("plan", "--config", "try/messaging.toml", str(EXAMPLES))

    verdicts = re.findall(r"messages\.jsonl:(\d+): (\w+)$", ran.out, re.MULTILINE)
    assert len(verdicts) == len(examples)
    assert [examples[int(number) - 1] for number, said in verdicts if said == "invalid"] == refused
    for example in refused:
        number = examples.index(example) + 1
        codes = re.findall(rf"messages\.jsonl:{number}: .*\[([a-z0-9_.]+)\]", ran.out)
        assert set(example["note"].removeprefix("refused: ").split(", ")) <= set(codes)


def test_the_demo_delivers_over_smtp_and_shows_what_arrived(run, shop):
    ran = run("demo", "--folder", "try")

    assert (ran.status, ran.err) == (0, "")
    assert "32 requests accepted, 12 refused" in ran.out
    assert "line 2 failed: expired" in ran.out
    assert "line 24 failed: 5.1.1 there is no such mailbox" in ran.out
    assert "16 hours later, on 3 March, 07:30 UTC: 1 sent" in ran.out
    assert "archive@shop.example (Bcc)" in ran.out
    assert "[logo.png, image/png, 93 bytes, shown as cid:logo]" in ran.out
    assert "forced by \u2019" in ran.out
    assert len(list((shop / "try" / "mail").iterdir())) == 8
    assert all(len(line) <= 100 for line in ran.out.splitlines())


def test_the_demo_plays_every_scenario_of_the_documentation(run):
    scenarios = list(EXAMPLES.parent.glob("*.py"))

    ran = run("demo")

    assert scenarios
    assert all(
        path.with_suffix(".txt").read_text(encoding="utf-8") in ran.out for path in scenarios
    )


def test_the_demo_says_the_same_every_time_but_for_ids_and_durations(run):
    def said() -> str:
        return re.sub(r"[0-9a-f]{6}\b|[-0-9a-f]{36}@|[\d.,]+ +[\d,]+ *$", "…", run("demo").out)

    first, second = said().partition("How long")[0], said().partition("How long")[0]

    assert first == second


def test_a_kept_demo_can_be_looked_into(run, messages):
    run("demo", "--folder", "try")

    listed = messages("--config", "try/messaging.toml", "--limit", "100")

    assert Counter(message["status"] for message in listed) == {"sent": 30, "sending_failed": 2}
    assert run("demo", "--folder", "try").err.startswith("messaging: try holds a demo already")


def test_the_examples_are_repeated_with_other_receivers(run, messages):
    ran = run("demo", "--folder", "try", "--count", "200")

    assert "188 requests accepted, 12 refused" in ran.out
    assert "156 more like these" in ran.out
    listed = messages("--config", "try/messaging.toml", "--limit", "1000")
    receivers = [message["receiver"]["contacts"][0]["identifierValue"] for message in listed]
    assert Counter(receivers).most_common(1)[0][1] <= 3
    assert {message["status"] for message in listed} == {"sent", "sending_failed"}


def test_fewer_than_all_examples_can_be_shown(run):
    ran = run("demo", "--count", "1")

    assert ran.status == 0
    assert "1 requests accepted, 0 refused" in ran.out


def test_a_count_below_one_makes_no_sense(run):
    assert run("demo", "--count", "0").status == 2
