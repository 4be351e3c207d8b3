"""What processes cost: CPU time and resident memory, as Linux counts them (proc(5), /proc/PID/stat and statm)."""

import asyncio
import os
import statistics
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_PARENT, _UTIME, _CSTIME = 1, 11, 14
"""Places in /proc/PID/stat behind the name: 4 (ppid), and 14 to 17 (utime, stime, cutime, cstime), less 3."""
_SAMPLE_S: Final = 0.25


class Level(msgspec.Struct, frozen=True):
    """What a process held over a stretch of time: the median of each quarter, and the most that was seen."""

    quarters: list[float]
    most: float

    @property
    def growth(self) -> float:
        """From the second quarter to the last. In the first, buffers and connections are being made."""
        return self.quarters[-1] - self.quarters[1]

    @property
    def growth_percent(self) -> float:
        """The same as a share; about 0 where nothing leaks."""
        return self.growth / self.quarters[1] * 100 if self.quarters[1] else 0.0


def level_of(samples: Sequence[float]) -> Level:
    """The level of samples that were taken at even distances, at least one."""
    edges = [round(len(samples) * quarter / 4) for quarter in range(5)]
    parts = [samples[start:end] or samples for start, end in pairwise(edges)]
    return Level([statistics.median(part) for part in parts], max(samples))


def cpu_s(roots: Iterable[int]) -> float:
    """CPU seconds so far of these processes and all below them, those that ended and were waited for included."""
    children = _children()
    waiting, ticks = list(roots), 0
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        fields = _stat(pid)
        if fields:
            ticks += sum(int(field) for field in fields[_UTIME : _CSTIME + 1])
    return ticks / _TICKS_PER_S


def resident_mb(pid: int) -> float:
    """What the process holds in memory now; 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES / 1e6
    except (OSError, IndexError):
        return 0.0


def open_files(pid: int) -> int:
    """How many file descriptors the process has open, sockets included; 0 when it is gone."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - names alone
    except OSError:
        return 0


def _stat(pid: int) -> list[str]:
    """The fields behind the name (which may hold anything); none when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - names alone: thousands of Path objects would show in the figures
        if entry.isdigit() and (fields := _stat(int(entry))):
            found.setdefault(int(fields[_PARENT]), []).append(int(entry))
    return found


class CpuMeter:
    """CPU seconds of named groups of processes between `start` and `stop`."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self._groups = groups
        self._before: dict[str, float] = {}

    def start(self) -> Self:
        """Begins to count."""
        self._before = {name: cpu_s(pids) for name, pids in self._groups.items()}
        return self

    def stop(self) -> dict[str, float]:
        """Seconds by group since `start`."""
        return {name: cpu_s(pids) - self._before[name] for name, pids in self._groups.items()}


class MemoryWatch:
    """Samples the resident memory of processes four times a second, within its block."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._samples: dict[str, list[float]] = {name: [] for name in pids}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._look()
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._look()

    def seen(self) -> dict[str, Level]:
        """What each process held, in MB."""
        return {name: level_of(samples) for name, samples in self._samples.items()}

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_SAMPLE_S)
            self._look()

    def _look(self) -> None:
        for name, pid in self._pids.items():
            self._samples[name].append(resident_mb(pid))
