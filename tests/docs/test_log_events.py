"""The page of log lines is what the code logs, and the code logs in no other way."""

import ast
import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATOR = runpy.run_path(str(ROOT / "docs" / "list_log_events.py"))
WORD = re.compile("[a-z]{3}")
PATHS = [
    path
    for folder in GENERATOR["FOLDERS"]
    for path in folder.rglob("*.py")
    if "testing" not in path.parts
]


def test_the_page_lists_every_line_of_the_log() -> None:
    written = GENERATOR["PAGE"].read_text(encoding="utf-8")
    assert written == GENERATOR["page"](), "run `python docs/list_log_events.py`"


def test_no_line_is_known_by_its_values_only() -> None:
    texts = [event.text for event in GENERATOR["log_events"]()]
    assert len(texts) > 50
    assert [text for text in texts if not WORD.search(text)] == []


def test_the_code_logs_in_no_other_way() -> None:
    """Only the logger of a library has another name, so that the page misses no line."""
    sources = [(path, path.read_text(encoding="utf-8")) for path in PATHS]
    bound = [
        f"{path}: {target.id}"
        for path, source in sources
        if "ogger(" in source  # to parse all modules takes seconds
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Assign) and called(node.value) in {"getLogger", "logger"}
        for target in node.targets
        if isinstance(target, ast.Name) and target.id != "_log" and "h2_client" not in path.name
    ]
    assert bound == []


def called(node: ast.expr) -> str | None:
    """Return the name of the function that an expression calls."""
    match node:
        case ast.Call(func=ast.Name(id=name)) | ast.Call(func=ast.Attribute(attr=name)):
            return name
    return None
