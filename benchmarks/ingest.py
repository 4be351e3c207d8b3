"""How many receipts and events of devices one core takes: `steeple bench ingest`, `python -m benchmarks.ingest`.

Needs nginx. Takes two minutes. With --keep the figures go to ingest.json and onto the page of the last full run.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from benchmarks import soak
from benchmarks.figures import Figures
from benchmarks.ingesting import CASES, RESULT, Run, measure, section_of
from benchmarks.quiet import quiet_logs
from benchmarks.report import text_of
from benchmarks.serving import Stopped
from benchmarks.sink import SinkMissing

_HERE: Final = Path(__file__).resolve().parent


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="steeple bench ingest", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each case")
    parser.add_argument("--warm-up-s", type=float, default=3.0)
    parser.add_argument("--devices", type=int, default=20_000)
    parser.add_argument("--only", choices=("receipts", "events"), help="one kind")
    parser.add_argument("--json", action="store_true", help="print the figures instead of the section")
    parser.add_argument("--keep", action="store_true", help="write ingest.json, and its section of RESULTS.md")
    return parser.parse_args(given)


def _publish(run: Run, text: str) -> None:
    """Keeps the figures, and puts them on the page of the last full run of all benchmarks."""
    RESULT.write_text(f"{text}\n", encoding="utf-8")
    figures = msgspec.json.decode((_HERE / "results.json").read_bytes(), type=Figures)
    page = text_of(figures, soak.read_last(), ingest=run)
    (_HERE / "RESULTS.md").write_text(page, encoding="utf-8")


def main(given: list[str] | None = None) -> int:
    """Runs it; 1 where it cannot be measured, with a sentence why."""
    asked = _arguments(given)
    quiet_logs()
    cases = tuple(case for case in CASES if asked.only in (None, case.what))
    try:
        with tempfile.TemporaryDirectory(prefix="steeple-bench-") as made:
            folder = Path(made)
            folder.chmod(0o711)  # Postgres and nginx are other users when we are root
            work = measure(folder, devices=asked.devices, seconds=asked.seconds, warm_up_s=asked.warm_up_s, cases=cases)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                run = runner.run(work)
    except (Stopped, SinkMissing) as fault:
        print(f"Not measured: {fault}", file=sys.stderr)
        return 1
    text = msgspec.json.format(msgspec.json.encode(run), indent=1).decode()
    if asked.keep:
        _publish(run, text)
    print(text if asked.json else section_of(run))
    return 0


if __name__ == "__main__":
    sys.exit(main())
