"""Measures Steeple on this machine: `make bench`, `steeple bench load`, `python -m benchmarks.load`.

Needs nginx; Node.js, npm and Go for some of the peers. Takes about 25 minutes, `--quick` two or three. The raw figures
go to artefacts/bench/; a full run also writes RESULTS.md, results.json and results.svg here. `--only soak` runs for
--minutes, writes soak.json and puts it on the page.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from benchmarks import ingesting, machine, soak
from benchmarks.bench import PARTS, SOAK, Bench, say
from benchmarks.contestants import NAMES
from benchmarks.figures import Figures
from benchmarks.plot import svg_of
from benchmarks.quiet import quiet_logs
from benchmarks.report import PLOT, text_of
from benchmarks.serving import Stopped
from benchmarks.sink import SinkMissing, running_sink
from benchmarks.sizes import FULL, HELP, QUICK, Sizes

_ROOT: Final = Path(__file__).resolve().parent.parent
_HERE: Final = _ROOT / "benchmarks"
_RAW: Final = "results.json"
"""The last full run, so that the page can be written again when a soak is done."""
_OPTIONS: Final = Sizes.__struct_fields__


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="steeple bench load", description=__doc__.partition("\n")[0] if __doc__ else None
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: does it run, and about how fast")
    parser.add_argument(
        "--only", nargs="+", choices=[*PARTS, SOAK], default=list(PARTS), metavar="PART",
        help=f"{', '.join(PARTS)} (all of these by default), {SOAK}",
    )  # fmt: skip
    parser.add_argument("--peers", nargs="+", choices=NAMES, default=list(NAMES), metavar="PEER", help=", ".join(NAMES))
    for name in _OPTIONS:
        value = getattr(FULL, name)
        said = f"{HELP[name]}; " if name in HELP else ""
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), help=f"{said}default {value:,}")
    parser.add_argument("--results", type=Path, help="where to write the page (default: RESULTS.md, for a full run)")
    parser.add_argument("--raw", type=Path, help="where to write the raw figures (default: artefacts/bench)")
    parser.add_argument("--json", action="store_true", help="print the raw figures instead of the page")
    return parser.parse_args(given)


def _sizes(asked: argparse.Namespace) -> Sizes:
    given = {name: getattr(asked, name) for name in _OPTIONS if getattr(asked, name) is not None}
    return msgspec.structs.replace(QUICK if asked.quick else FULL, **given)


def _is_full(asked: argparse.Namespace) -> bool:
    """Whether this run may stand in RESULTS.md: every part, every peer, no size changed."""
    return (
        not asked.quick
        and set(asked.only) == set(PARTS)
        and set(asked.peers) == set(NAMES)
        and all(getattr(asked, name) is None for name in _OPTIONS)
    )


def _write(figures: Figures, asked: argparse.Namespace) -> None:
    raw = asked.raw or _ROOT / "artefacts" / "bench" / f"{figures.at:%Y-%m-%dT%H%M%SZ}.json"
    raw.parent.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(figures), indent=1) + b"\n"
    raw.write_bytes(text)
    say(f"raw figures: {raw}")
    page = text_of(figures, soak.read_last(), ingest=ingesting.read_last())
    if _is_full(asked):
        (_HERE / _RAW).write_bytes(text)
    if asked.results is not None or _is_full(asked):
        _publish(figures, page, asked.results or _HERE / "RESULTS.md")
    print(msgspec.json.encode(figures).decode() if asked.json else page)


def _publish(figures: Figures, page: str, at: Path) -> None:
    at.write_text(page, encoding="utf-8")
    if figures.contest is not None:
        (at.parent / PLOT).write_text(svg_of(figures.contest), encoding="utf-8")
    say(f"page: {at}")


def _write_soak(result: soak.Soak, asked: argparse.Namespace) -> None:
    """Keeps a soak of full length, and puts it on the page of the last full run."""
    print(msgspec.json.format(msgspec.json.encode(result), indent=1).decode())
    if asked.quick or (asked.minutes is not None and asked.minutes < FULL.minutes):
        return
    soak.write(result)
    last = _HERE / _RAW
    if last.exists():
        figures = msgspec.json.decode(last.read_bytes(), type=Figures)
        _publish(figures, text_of(figures, result, ingest=ingesting.read_last()), _HERE / "RESULTS.md")


@contextmanager
def _prepared(asked: argparse.Namespace, sizes: Sizes) -> Generator[tuple[asyncio.Runner, Bench]]:
    with tempfile.TemporaryDirectory(prefix="steeple-bench-") as made:
        folder = Path(made)
        folder.chmod(0o711)  # Postgres and nginx are other users when we are root
        with running_sink(folder / "sink") as sink, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            yield runner, Bench(folder, sink, sizes, asked.only, asked.peers)


def main(given: list[str] | None = None) -> int:
    """Runs what was asked for; 1 where it cannot be measured, with a sentence why."""
    asked = _arguments(given)
    sizes = _sizes(asked)
    quiet_logs()
    here = machine.describe()
    figures = Figures(
        at=datetime.now(UTC), machine=here, load_before=machine.load(), options=msgspec.structs.asdict(sizes)
    )
    began_s = time.monotonic()
    try:
        with _prepared(asked, sizes) as (runner, bench):
            if SOAK in asked.only:
                result = runner.run(bench.soak(here.cpu))
                _write_soak(result, asked)
            if set(asked.only) & set(PARTS):
                runner.run(bench.run(figures))
                figures.seconds = time.monotonic() - began_s
                _write(figures, asked)
    except (Stopped, SinkMissing) as fault:
        print(f"Not measured: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
