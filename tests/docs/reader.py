"""A reader who types what a page says, and looks whether the answer is what the page says."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec

from tests.cli.terminal import WAIT_S, Terminal
from tests.docs.page import Command, Example, File, PageError, steps_of

_ID: Final = re.compile(r"\b([a-z]{3})_[0-9a-hjkmnp-tv-z]{13}\b")
_PLACE: Final = re.compile(r"\b([a-z]{3})_\.\.\.")
_OK: Final = range(200, 300)
_WITH_VALUE: Final = {"-X", "-H", "-d", "--data", "--data-binary", "--json"}
_WITHOUT_VALUE: Final = {"-s", "-S", "-f", "-N", "-i", "-sS"}


@dataclass
class Reader:
    """Somebody with a shell, a gateway and a key. `seen`: the last id of each kind that an answer told."""

    session: aiohttp.ClientSession
    terminal: Terminal
    folder: Path
    names: dict[str, str]
    """`API`, `KEY`, `APP`."""
    wait: Callable[[], Awaitable[None]]
    """The five seconds within which a running gateway hears of what a command line wrote."""
    seen: dict[str, str] = field(default_factory=dict)

    async def read(self, page: str) -> int:
        """Does all that the page says; how many commands that were. Raises `PageError` for what is not as it says."""
        done = 0
        for step in steps_of(page):
            match step:
                case File():
                    (self.folder / step.name).write_text(step.text)
                case Example():
                    await self._try(step)
                    done += len(step.commands)
        return done

    async def _try(self, example: Example) -> None:
        for command in example.commands:
            answer = await self._run(command)
            self._note(answer)
            if example.is_expected and command is example.commands[-1]:
                differs = difference(example.expected, _read(answer))
                if differs:
                    raise PageError(f"line {command.line}: {differs}\n{answer}")

    async def _run(self, command: Command) -> str:
        words = [self._filled(word) for word in command.words]
        match words:
            case ["http", method, path, body]:
                return await self._http(method, self.names["API"] + path, body, self._key, command)
            case ["curl", *rest]:
                return await self._curl(rest, command)
            case ["steeple", *rest]:
                return await self._steeple(rest, command)
            case _:
                raise PageError(f"line {command.line}: `{words[0]}` is not run here")

    @property
    def _key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.names['KEY']}", "Content-Type": "application/json"}

    def _filled(self, word: str) -> str:
        """The word with the shell's variables and the ids that were told put in."""
        for name, value in self.names.items():
            word = word.replace(f"${name}", value)
        return _PLACE.sub(lambda found: self.seen.get(found[1], found[0]), word)

    async def _curl(self, words: list[str], command: Command) -> str:
        method, body, url = "", None, ""
        headers: dict[str, str] = {}
        given = iter(words)
        for word in given:
            if word in _WITHOUT_VALUE:
                continue
            value = next(given) if word in _WITH_VALUE else ""
            match word:
                case "-X":
                    method = value
                case "-H":
                    name, _, said = value.partition(":")
                    headers[name] = said.strip()
                case "-d" | "--data" | "--data-binary" | "--json":
                    body = (self.folder / value[1:]).read_text() if value.startswith("@") else value
                    kind = "application/json" if word == "--json" else "application/x-www-form-urlencoded"
                    headers = {"Content-Type": kind, **headers}  # as curl does
                case _ if word.startswith("-"):
                    raise PageError(f"line {command.line}: curl's `{word}` is not known here")
                case _:
                    url = word
        return await self._http(method or ("GET" if body is None else "POST"), url, body or "", headers, command)

    async def _http(self, method: str, url: str, body: str, headers: dict[str, str], command: Command) -> str:
        data = body.encode() if body else None
        async with self.session.request(method, url, data=data, headers=headers) as answer:
            text = await answer.text()
        is_fine = answer.status in _OK if command.ending is None else answer.status == command.ending
        if not is_fine:
            raise PageError(f"line {command.line}: answered {answer.status}: {text}")
        return text

    async def _steeple(self, words: list[str], command: Command) -> str:
        process = await asyncio.create_subprocess_exec(
            *self.terminal.command(*words),
            cwd=self.folder,
            env=self.terminal.variables(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), WAIT_S)
        if process.returncode != (command.ending or 0):
            raise PageError(f"line {command.line}: exits {process.returncode}: {err.decode()}")
        await self.wait()
        return out.decode() or err.decode()

    def _note(self, answer: str) -> None:
        for found in _ID.finditer(answer):
            self.seen[found[1]] = found[0]


def _read(answer: str) -> Any:
    try:
        return msgspec.json.decode(answer)
    except msgspec.DecodeError:
        raise PageError(f"the page shows JSON, the answer is: {answer}") from None


def difference(shown: Any, told: Any, *, path: str = "") -> str:
    """Where an answer is not what the page shows, as a sentence; "" if it is."""
    match shown, told:
        case str(), str() if shown.endswith("..."):
            return "" if told.startswith(shown[:-3]) else f"{path}: {told!r} does not begin as {shown!r}"
        case "...", _:
            return ""
        case dict(), dict():
            return next(filter(None, (_of_member(shown, told, name, path) for name in shown)), "")
        case list(), list():
            return _of_list(shown, told, path)
        case _:
            return "" if shown == told and type(shown) is type(told) else f"{path}: {told!r}, not {shown!r}"


def _of_member(shown: dict[str, Any], told: dict[str, Any], name: str, path: str) -> str:
    where = f"{path}.{name}" if path else name
    return difference(shown[name], told[name], path=where) if name in told else f"{where} is not in the answer"


def _of_list(shown: list[Any], told: list[Any], path: str) -> str:
    is_open = bool(shown) and shown[-1] == "..."
    wanted = shown[:-1] if is_open else shown
    if len(told) < len(wanted) or (len(told) > len(wanted) and not is_open):
        return f"{path} has {len(told)} entries, not {len(wanted)}"
    pairs = enumerate(zip(wanted, told, strict=False))
    return next(filter(None, (difference(one, other, path=f"{path}[{at}]") for at, (one, other) in pairs)), "")
