"""Every Python block of the README and the documentation runs, and prints what it says.

- The blocks of one file run in order, in one namespace, in an empty working directory.
- An output is compared when it is labelled: `<!-- output -->`, then a `text` block, somewhere after
  its Python block and before the next. In it, `...` matches any text.
- A block that cannot run says why, in its info string: `python no-run: needs an account`.
"""

import doctest
import re
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import attrs
import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
NO_RUN = re.compile(r"python no-run: *\S.*")
OUTPUT_LABEL = "<!-- output -->"
# Spellings that a reader takes for Python, and that would silently not run.
LOOKALIKE = re.compile(r"(py|py3|python3|pycon|python\S+|\{code(-block)?\} *py.*)\b", re.IGNORECASE)


@attrs.frozen
class Block:
    """One fenced block; `line` is where its text begins."""

    path: Path
    line: int
    info: str
    text: str
    is_output: bool

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


@attrs.frozen
class Example:
    """One Python block, and what it says it prints."""

    block: Block
    output: Block | None = None


def markdown_files() -> list[Path]:
    pages = sorted((ROOT / "docs").rglob("*.md"))
    return [ROOT / "README.md", *(page for page in pages if "_build" not in page.parts)]


def fenced_blocks(path: Path) -> Iterator[Block]:
    lines = iter(enumerate(path.read_text(encoding="utf-8").splitlines(), start=1))
    is_output = False
    for number, line in lines:
        if fence := FENCE.fullmatch(line):
            text = "".join(fenced_lines(lines, fence))
            yield Block(path, number + 1, fence["info"].strip(), text, is_output)
            is_output = False
        elif line.strip():
            assert not is_output, f"{path}:{number}: the label of an output stands right before it"
            is_output = line.strip() == OUTPUT_LABEL


def fenced_lines(lines: Iterator[tuple[int, str]], fence: re.Match[str]) -> Iterator[str]:
    """Consume the lines up to the closing fence, and yield them without its indentation."""
    closing = re.compile(rf" *{fence['fence']}{fence['fence'][0]}* *")
    for _, line in lines:
        if closing.fullmatch(line):
            return
        yield line.removeprefix(fence["indent"]) + "\n"


def examples(path: Path) -> Iterator[Example]:
    example: Example | None = None
    for block in fenced_blocks(path):
        if block.is_output:
            assert block.info == "text", f"{block}: an output is a text block"
            assert example is not None, f"{block}: an output belongs to one Python block"
            yield attrs.evolve(example, output=block)
            example = None
        elif is_python(block):
            if example is not None:
                yield example
            example = Example(block)
    if example is not None:
        yield example


def is_python(block: Block) -> bool:
    """Return whether a block is to run, and refuse one that leaves it unclear."""
    assert not LOOKALIKE.match(block.info), f"{block}: write ```python, so that it runs"
    if block.info == "python" or not block.info.startswith("python"):
        return block.info == "python"
    assert NO_RUN.fullmatch(block.info), f"{block}: write ```python no-run: <reason>"
    return False


def run_file(path: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    for example in examples(path):
        run(example.block, script)
        printed = capsys.readouterr().out
        if example.output is not None:
            compare(example.output, printed)


def run(block: Block, script: ModuleType) -> None:
    """Execute a block under the name and the line numbers of its file."""
    try:
        code = compile("\n" * (block.line - 1) + block.text, str(block.path), "exec")
        exec(code, vars(script))  # noqa: S102 - our own documentation
    except BaseException as error:
        error.add_note(f"in the block at {block}")
        raise


def compare(output: Block, printed: str) -> None:
    checker = doctest.OutputChecker()
    if not checker.check_output(output.text, printed, doctest.ELLIPSIS):
        expected = doctest.Example("", output.text)
        difference = checker.output_difference(expected, printed, doctest.REPORT_NDIFF)
        pytest.fail(f"{output}: something else was printed\n{difference}", pytrace=False)


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Stand in for the script that a reader would paste the blocks into."""
    module = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", module)
    directory = tmp_path / "cwd"
    directory.mkdir()
    monkeypatch.chdir(directory)
    with closing_databases(monkeypatch):
        yield module


@contextmanager
def closing_databases(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what blocks open, as the end of a script does."""
    opened: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembering(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(connect(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", remembering)
    yield
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_blocks_run_and_print_what_they_say(
    path: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    run_file(path, script, capsys)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return tmp_path / "page.md"


def test_blocks_share_a_namespace_and_their_output_is_compared(
    page: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    page.write_text(
        "```python\nn = 1\n```\n\n- item\n\n  ```python\n  print(n, id(n))\n  ```\n\n"
        f"  {OUTPUT_LABEL}\n  ```text\n  1 ...\n  ```\n"
    )

    run_file(page, script, capsys)

    assert vars(script)["n"] == 1


def test_a_failing_block_is_reported_with_its_place(
    page: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    page.write_text("# Title\n\n```python\nfine = 1\n1 / 0\n```\n")

    with pytest.raises(ZeroDivisionError) as caught:
        run_file(page, script, capsys)

    assert caught.value.__notes__ == [f"in the block at {page}:4"]
    assert (str(caught.traceback[-1].path), caught.traceback[-1].lineno + 1) == (str(page), 5)


def test_another_output_than_the_labelled_one_is_reported_with_its_place(
    page: Path, script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    page.write_text(f"```python\nprint(1)\n```\n\n{OUTPUT_LABEL}\n\n```text\n2\n```\n")

    with pytest.raises(pytest.fail.Exception, match=r"page\.md:8: something else"):
        run_file(page, script, capsys)


def test_a_block_may_stay_unrun_for_a_reason(page: Path) -> None:
    page.write_text(
        "```python no-run: needs an account\n1 / 0\n```\n\n````md\n```python\n```\n````\n"
    )

    assert list(examples(page)) == []


@pytest.mark.parametrize(
    "text",
    [
        "```python no-run\n```\n",
        "```python no-run:\n```\n",
        "```python norun: typing error\n```\n",
        "```python3\n```\n",
        "```py\n```\n",
        "```{code-block} python\n```\n",
        f"{OUTPUT_LABEL}\n```text\n1\n```\n",
        f"```python\n```\n{OUTPUT_LABEL}\n```\n1\n```\n",
        f"```python\n```\n{OUTPUT_LABEL}\nIt prints:\n```text\n1\n```\n",
    ],
)
def test_what_would_silently_be_left_out_is_refused(page: Path, text: str) -> None:
    page.write_text(text)

    with pytest.raises(AssertionError, match=r"page\.md:\d+: "):
        list(examples(page))
