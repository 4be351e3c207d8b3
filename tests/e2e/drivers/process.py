"""A browser's process: started in a group of its own, so that all its children end with it."""

import asyncio
import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.drivers.browser import BrowserGoneError, until

_START_S = 40.0
_END_S = 5.0


class BrowserProcess:
    """A process and all its children. What it says goes to `log`."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start; returns at once."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                env={**os.environ, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def wait_for_file(self, path: Path, whole: re.Pattern[str]) -> str:
        """What stands in a file that the browser writes once it listens; `whole` matches it when it is complete."""

        async def text() -> str:
            if self._process is None or self._process.returncode is not None:
                raise BrowserGoneError(f"the browser ended; its last words:\n{_text(self._log)[-2000:]}")
            text = _text(path)
            return text if whole.fullmatch(text) else ""

        return await until(text, what=f"{path.name} written", timeout_s=_START_S)

    async def end(self) -> None:
        """Wait for an orderly end, then insist, by the group's id."""
        if self._process is None:
            return
        process, self._process = self._process, None
        try:
            async with asyncio.timeout(_END_S):
                await process.wait()
        except TimeoutError:
            _signal_group(process.pid, signal.SIGTERM)
        # Children (content processes, crash handlers) may outlive the first process.
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()


def _text(path: Path) -> str:
    """Empty until the file is there."""
    return path.read_text(errors="replace") if path.exists() else ""


def _signal_group(pgid: int, number: signal.Signals) -> None:
    try:
        os.killpg(pgid, number)
    except ProcessLookupError:
        return
