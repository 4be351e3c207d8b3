"""The browser SDK's own tests, which run on Node.js, as part of all tests."""

import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scripts.node import OLDEST_MAJOR, SDK, node

FILES = sorted((SDK / "test").glob("*.test.js"))
WAIT_S = 100


class Run:
    """What Node.js found in one file."""

    def __init__(self, file: Path) -> None:
        program = node()
        if program is None:
            pytest.skip(f"needs Node.js {OLDEST_MAJOR} or newer: make test-deps")
        done = subprocess.run(
            [program, "--test", "--test-reporter=junit", file],
            cwd=SDK, capture_output=True, text=True, timeout=WAIT_S, check=False,
        )  # fmt: skip
        self.code = done.returncode
        self.output = done.stdout + done.stderr
        self.report = ET.fromstring(done.stdout)  # noqa: S314 - our own test run wrote it

    @property
    def tests(self) -> int:
        return sum(1 for _ in self.report.iter("testcase"))

    @property
    def failures(self) -> list[str]:
        """Each test that failed, with what it says."""
        return [
            f"{case.get('name')}: {fault.get('message')}\n{fault.text or ''}"
            for case in self.report.iter("testcase")
            for fault in (*case.iter("failure"), *case.iter("error"))
        ]

    @property
    def skipped(self) -> list[str | None]:
        return [case.get("name") for case in self.report.iter("testcase") if case.find("skipped") is not None]


@pytest.mark.parametrize("file", FILES, ids=[file.name.removesuffix(".test.js") for file in FILES])
def test_the_browser_sdk_does_what_it_promises(file: Path):
    """Page script and worker in the browsers' stead: every test of the file passes, and none is left out."""
    run = Run(file)

    assert run.failures == [], "\n".join(run.failures)
    assert run.code == 0, run.output
    assert run.tests > 0
    assert run.skipped == []


def test_no_file_of_the_sdks_tests_is_overlooked():
    """A test that is named otherwise would never run."""
    names = {file.name for file in (SDK / "test").glob("*.js")}
    assert names == {file.name for file in FILES}
    assert len(FILES) > 5


def test_a_failing_test_is_shown(tmp_path: Path):
    """Negative control: whoever reads the report sees which test it was and why."""
    (tmp_path / "broken.test.js").write_text(
        "const test = require('node:test');\n"
        "const assert = require('node:assert');\n"
        "test('two and two', () => { assert.equal(2 + 2, 5, 'not five'); });\n"
    )

    run = Run(tmp_path / "broken.test.js")

    assert run.code != 0
    assert len(run.failures) == 1
    assert "two and two" in run.failures[0]
    assert "not five" in run.failures[0]
