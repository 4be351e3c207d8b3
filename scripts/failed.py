"""Names the tests that failed in a run, one a line, as pytest takes them: `pytest @FILE`.

Reads the JUnit file that pytest wrote. Fails where it cannot tell: a run that broke off is no run with failed tests.
"""

import sys
import xml.etree.ElementTree as ET
from pathlib import Path


def failed_tests(report: ET.Element) -> list[str]:
    """Each test that failed, or whose fixtures did, once."""
    failed = [
        case for case in report.iter("testcase") if case.find("failure") is not None or case.find("error") is not None
    ]
    return list(dict.fromkeys(_name_of(case) for case in failed))


def _name_of(case: ET.Element) -> str:
    """JUnit knows modules and classes by dots: the longest beginning that is a file is the module."""
    steps = (case.get("classname") or "").split(".")
    for length in range(len(steps), 0, -1):
        file = Path(*steps[:length]).with_suffix(".py")
        if file.is_file():
            return "::".join([file.as_posix(), *steps[length:], case.get("name") or ""])
    raise FileNotFoundError(case.get("classname"))


def main(path: Path) -> int:
    """0, or 1 where nothing is known of tests that failed."""
    try:
        names = failed_tests(ET.parse(path).getroot())  # noqa: S314 - the file is our own test run's
    except (OSError, ET.ParseError) as fault:
        print(f"No report of the tests: {fault}", file=sys.stderr)
        return 1
    print("\n".join(names))
    return 0 if names else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
