"""Runs the command `steeple` as somebody's shell would."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 60


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, which must be one JSON value on one line."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error object on standard error; nothing else was said."""
        assert self.out == ""
        return json.loads(self.err)["error"]


class Terminal:
    """A shell with an environment of its own: nothing of the developer's settings gets in."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.environment = environment

    def command(self, *words: str) -> list[str]:
        """The words as an operating system starts them."""
        return [sys.executable, "-m", "gateway", *words]

    def variables(self) -> dict[str, str]:
        """The whole environment of a command."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STEEPLE_")}
        return {**kept, "PYTHONPATH": str(ROOT), "HOME": str(self.folder), **self.environment}

    def __call__(self, *words: str, stdin: str = "", **more: str) -> Said:
        """One command; `more` are further variables."""
        done = subprocess.run(
            self.command(*words),
            cwd=self.folder,
            env={**self.variables(), **more},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)
