"""Names every skipped test of a run, with its reason; on CI a skipped test, or a run without tests, is a failure.

Reads the JUnit file that pytest wrote, which holds the results of all its processes.
"""

import os
import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def skipped_tests(report: ET.Element) -> list[tuple[str, str]]:
    """(test, reason) of each test that was skipped."""
    return [
        (f"{case.get('classname')}::{case.get('name')}", skip.get("message") or "no reason given")
        for case in report.iter("testcase")
        if (skip := case.find("skipped")) is not None
    ]


def main(path: Path, *, is_ci: bool) -> int:
    """0, or 1 where CI may not be content."""
    try:
        report = ET.parse(path).getroot()  # noqa: S314 - the file is our own test run's
    except (OSError, ET.ParseError) as fault:
        print(f"No report of the tests: {fault}", file=sys.stderr)
        return 1
    skips = skipped_tests(report)
    for test, reason in skips:
        print(f"skipped: {test}: {reason}")
    if is_ci and skips:
        print(f"{len(skips)} tests were skipped; CI runs all of them.", file=sys.stderr)
        return 1
    if next(report.iter("testcase"), None) is None:
        print("No test ran.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), is_ci=os.environ.get("CI") == "true"))
