"""Find words that readers of other languages stumble over: `make lint` runs this.

Reads comments and strings of Python files, and whole pages of Markdown. The words, each with what
to write instead, are in pyproject.toml under `[tool.plain-words]`.
"""

import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

_TEXT_TOKENS = {
    tokenize.COMMENT,
    tokenize.STRING,
    getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING),  # since Python 3.12
}


def main(root: Path) -> int:
    """Print every place with such a word; return 1 if there are any."""
    instead = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["plain-words"]
    pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, instead))})\b", re.IGNORECASE)
    places = [
        f"{path}:{line}: {word!r}: write {instead[word.lower()]}"
        for path in _tracked_files(root)
        for line, text in _texts(root / path)
        for word in pattern.findall(text)
    ]
    sys.stdout.writelines(f"{place}\n" for place in places)
    return 1 if places else 0


def _tracked_files(root: Path) -> list[str]:
    command = ["git", "-C", str(root), "ls-files", "*.py", "*.md", "Makefile"]
    listing = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    files = listing.stdout.splitlines()
    return [path for path in files if (root / path).exists()]


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Return the number and the text of each line that a person reads."""
    source = path.read_text()
    if path.suffix != ".py":
        yield from enumerate(source.splitlines(), start=1)
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in _TEXT_TOKENS:
            yield from enumerate(token.string.splitlines(), start=token.start[0])


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parents[1]))
