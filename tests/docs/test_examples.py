"""The programs in docs/examples do what they are for."""

import io
import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_notification_reaches_two_lists_once_each() -> None:
    program = runpy.run_path(str(ROOT / "docs" / "examples" / "notification.py"))
    printed = io.StringIO()

    program["main"](printed)

    text = printed.getvalue()
    assert {line for line in text.splitlines() if line.startswith("To: ")} == {
        "To: +31612345678",
        "To: ada@receiver.example",
        "To: +31612345679",
        "To: t-grace",
        "To: joan@receiver.example",
    }
    assert text.count("Attachment: Opening hours.txt\nAttachment: map.txt\n") == 2
    assert "Joan &lt;3" in text
    assert "5 messages, 0 failures" in text
    assert "nobody is called nobody" in text
