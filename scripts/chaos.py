"""Runs every fault case (`tests/chaos/cases.py`) and the simulator, prints the results, and writes docs/faults.md.

  chaos.py [F9 F12 ...]     only these
  chaos.py --page           runs nothing: writes the page anew from the list and the results that it holds

The results of cases that did not run stay as they were on the page.
"""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.chaos.cases import CASES, Case  # noqa: E402 - found by the line above

PAGE: Final = ROOT / "docs" / "faults.md"
SIMULATOR: Final = "tests/simulator"
_HEAD: Final = (
    "| case | fault | expected | test | last result | seconds | extra copies |\n|---|---|---|---|---|---|---|\n"
)
_BEGIN, _END = "<!-- cases: made by `make chaos` -->\n", "<!-- end of cases -->\n"
_ROW: Final = re.compile(r"^\| (F\d+) \|.*\| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
_NOT_RUN: Final = ("not run yet", "", "")


class Result(NamedTuple):
    """What came of a case: a word, its seconds, its extra copies; as the page shows them."""

    word: str
    seconds: str
    extras: str


def table(results: Mapping[str, Result]) -> str:
    """All cases as rows of Markdown."""
    return _HEAD + "".join(_row(case, results.get(case.name, Result(*_NOT_RUN))) for case in CASES)


def _row(case: Case, result: Result) -> str:
    if case.missing:
        return f"| {case.name} | {case.fault} | {case.expected} | later: {case.missing} | | | |\n"
    tests = ", ".join(f"`{test}`" for test in case.tests)
    return f"| {case.name} | {case.fault} | {case.expected} | {tests} | {' | '.join(result)} |\n"


def results_on(page: str) -> dict[str, Result]:
    """What the page says of each case."""
    return {
        name: Result(word.strip(), seconds.strip(), extras.strip())
        for name, word, seconds, extras in _ROW.findall(page)
    }


def with_table(page: str, results: Mapping[str, Result]) -> str:
    """The page with its table made anew."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{table(results)}\n{_END}{after}"


def results_of(report: ET.Element, cases: Iterable[Case], *, today: str) -> dict[str, Result]:
    """What a run says of these cases."""
    runs = list(report.iter("testcase"))
    return {case.name: _result(case, runs, today) for case in cases if case.tests}


def _result(case: Case, runs: Sequence[ET.Element], today: str) -> Result:
    mine = [run for run in runs if any(_is_of(run, test) for test in case.tests)]
    if not mine:
        return Result(*_NOT_RUN)
    word = "passed"
    for run in mine:
        if (skip := run.find("skipped")) is not None:
            word = f"skipped: {skip.get('message')}"
        if run.find("failure") is not None or run.find("error") is not None:
            word = "FAILED"
            break
    extras = [int(one.get("value") or 0) for run in mine for one in run.iter("property") if one.get("name") == "extras"]
    seconds = sum(float(run.get("time") or 0) for run in mine)
    return Result(f"{word}, {today}", f"{seconds:.0f}", str(sum(extras)) if extras else "")


def _is_of(run: ET.Element, test: str) -> bool:
    file, _, name = test.partition("::")
    return (run.get("classname"), (run.get("name") or "").partition("[")[0]) == (
        file.removesuffix(".py").replace("/", "."),
        name,
    )


def _run(tests: Sequence[str]) -> tuple[ET.Element, int]:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", f"--junitxml={report}", *tests]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - names of our own tests
        return ET.parse(report).getroot(), code  # noqa: S314 - the file is our own test run's


def _told(results: Mapping[str, Result], cases: Iterable[Case]) -> None:
    for case in cases:
        word, seconds, extras = results.get(case.name, Result(f"later: {case.missing}", "", ""))
        print(f"{case.name:4} {case.fault[:52]:52} {case.expected[:60]:60} {word:20} {seconds:>4} {extras:>6}")


def main(words: Sequence[str]) -> int:
    """The exit code: 0 if all that ran passed."""
    page = PAGE.read_text(encoding="utf-8")
    results = results_on(page)
    code = 0
    if words != ["--page"]:
        cases = [case for case in CASES if not words or case.name in words]
        tests = sorted({test for case in cases for test in case.tests})
        report, code = _run([*tests, *([] if words else [SIMULATOR])])
        results |= results_of(report, cases, today=datetime.now(UTC).date().isoformat())
        _told(results, cases)
    PAGE.write_text(with_table(page, results), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
