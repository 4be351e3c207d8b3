"""A page of the documentation, taken apart into what can be run and what is said of its outcome.

Fenced blocks that are run:

- `sh`: lines that begin with `curl` or `steeple`; a line goes on after a backslash, or while a quote is open. `$API`,
  `$KEY` and `$APP` are the gateway, the shop's API key and its app. A comment line before a command says how it ends if
  it does not end well: `# answers 422`, `# exits 1`.
- `http`: `PUT /v1/users/cust-17`, an empty line, a JSON body. The key goes with it.
- `json` right after one of these: what its last command answered. Every member that is shown must be there; a value
  that ends with `...` stands for any that begins so, and a list that ends with `"..."` for a longer one.

A block with a file name, such as `csv people.csv`, is a file that later commands read. An id such as `msg_...` in a
command is the last one of its kind that an answer told. Any other `json` block must be JSON; all others are only shown.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

_FENCE: Final = re.compile(
    r"^```(?P<kind>\w+)(?: +(?P<file>[\w.-]+))?[ ]*\n(?P<text>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL
)
_ENDING: Final = re.compile(r"#\s*(?:answers|exits)\s+(\d+)")


class PageError(AssertionError):
    """An example that cannot be run as it stands."""


@dataclass(frozen=True)
class Block:
    """One fenced block; `line` is where its fence stands."""

    kind: str
    file: str | None
    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """One command: its words, or for `http` method, path and body; `ending`: status or exit code, if told."""

    words: tuple[str, ...]
    line: int
    ending: int | None = None


@dataclass(frozen=True)
class Example:
    """The commands of one block, and what the last of them answers."""

    commands: tuple[Command, ...]
    expected: Any = None
    is_expected: bool = False


@dataclass(frozen=True)
class File:
    """A file that commands read."""

    name: str
    text: str


def blocks_of(page: str) -> list[Block]:
    """All fenced blocks, in order."""
    return [
        Block(found["kind"], found["file"], found["text"], page.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(page)
    ]


def steps_of(page: str) -> list[Example | File]:
    """What a reader does, from the top of the page to its end."""
    steps: list[Example | File] = []
    is_asked = False
    for block in blocks_of(page):
        if block.file is not None:
            steps.append(File(block.file, block.text))
        elif block.kind in {"sh", "http"}:
            commands = _shell(block) if block.kind == "sh" else [_request(block)]
            steps.append(Example(tuple(commands)))
        elif block.kind == "json":
            told = _json(block)
            if is_asked:
                steps[-1] = Example(_asked(steps[-1]), told, is_expected=True)
        is_asked = block.kind in {"sh", "http"} and block.file is None
    return steps


def _asked(step: Example | File) -> tuple[Command, ...]:
    assert isinstance(step, Example)
    return step.commands


def _json(block: Block) -> Any:
    try:
        return msgspec.json.decode(block.text)
    except msgspec.DecodeError as fault:
        raise PageError(f"line {block.line}: this is not JSON: {fault}") from None


def _request(block: Block) -> Command:
    head, _, body = block.text.partition("\n")
    words = head.split()
    if len(words) != 2:
        raise PageError(f"line {block.line}: expected a method and a path, not `{head}`")
    return Command(("http", *words, body.strip()), block.line)


def _shell(block: Block) -> Iterator[Command]:
    held, ending = "", None
    for number, line in enumerate(block.text.splitlines(), start=block.line + 1):
        if not held and (not line.strip() or line.startswith("#")):
            ending = int(told[1]) if (told := _ENDING.match(line)) else None
            continue
        held = f"{held}\n{line}" if held else line
        words = _words(held)
        if words is not None:
            yield Command(tuple(words), number, ending)
            held, ending = "", None
    if held:
        raise PageError(f"line {block.line}: a command does not end: {held}")


def _words(text: str) -> list[str] | None:
    """The words as a shell takes them apart; None where the line goes on."""
    if text.endswith("\\"):
        return None
    try:
        return shlex.split(text.replace("\\\n", " "))
    except ValueError:
        return None
