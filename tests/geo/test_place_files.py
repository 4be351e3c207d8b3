"""Files of places come and go under a running gateway, whole and broken."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.geo.place_file import PlaceFile
from tests.geo.files import AMSTERDAM, write_places

BELGIAN = {"77.160.0.0/16": {"country": "BE", "lat": 50.85, "lon": 4.35, "city": "Brussels"}}


class Watch:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_places(tmp_path / "places.mmdb")


@pytest.fixture
def file(path: Path, watch: Watch) -> Iterator[PlaceFile]:
    made = PlaceFile(path, monotonic_s=watch)
    yield made
    made.close()


def country(file: PlaceFile) -> str | None:
    found = file.find(AMSTERDAM)
    return None if found is None else found.country


def replace(path: Path, content: bytes) -> None:
    """As updates are done: another file takes its place."""
    path.with_suffix(".new").write_bytes(content)
    path.with_suffix(".new").replace(path)


def test_an_update_is_read_without_a_restart(file: PlaceFile, path: Path, tmp_path: Path) -> None:
    """The next look-up after the month's file took its place answers from it."""
    assert country(file) == "NL"
    write_places(tmp_path / "new.mmdb", "flat", places=BELGIAN).replace(path)
    assert country(file) == "BE"


@pytest.mark.parametrize("broken", [b"", b"not at all", b"\x00" * 4096])
def test_a_broken_update_stops_nothing(file: PlaceFile, path: Path, broken: bytes, watch: Watch) -> None:
    """One line in the log, and the last good file goes on."""
    country(file)
    with capture_logs() as lines:
        replace(path, broken)
        for _ in range(20):
            assert country(file) == "NL"
            watch.now_s += 1.0
    assert [line["event"] for line in lines] == ["place_file_refused"]
    assert lines[0]["goes_on"] is True


def test_half_a_file_is_refused(file: PlaceFile, path: Path) -> None:
    """As a full disk or a broken download leaves it."""
    country(file)
    whole = path.read_bytes()
    with capture_logs() as lines:
        replace(path, whole[: len(whole) // 2])
        assert country(file) == "NL"
    assert len(lines) == 1


def test_a_mended_file_is_taken_again(file: PlaceFile, path: Path, tmp_path: Path, watch: Watch) -> None:
    """Within seconds, without anybody telling the gateway."""
    country(file)
    replace(path, b"broken")
    country(file)
    write_places(tmp_path / "new.mmdb", places=BELGIAN).replace(path)
    assert country(file) == "NL"
    watch.now_s += 6.0
    assert country(file) == "BE"


def test_a_file_that_is_written_over_is_let_go_before_it_is_touched(file: PlaceFile, path: Path, watch: Watch) -> None:
    """Reading pages that were cut away would end the process: the mapping is dropped, until the file is whole."""
    assert country(file) == "NL"
    whole = path.read_bytes()
    with path.open("r+b") as over:
        over.truncate(0)
    assert country(file) is None
    with path.open("r+b") as over:
        over.write(whole)
    watch.now_s += 6.0
    assert country(file) == "NL"


def test_a_deleted_file_goes_on_answering(file: PlaceFile, path: Path) -> None:
    """What is mapped is still there; the log says that the file is not."""
    country(file)
    with capture_logs() as lines:
        path.unlink()
        assert country(file) == "NL"
    assert [line["why"] for line in lines] == ["there is no such file"]


def test_a_file_that_was_never_there_is_named_once(tmp_path: Path) -> None:
    """Where the operator named one; nothing is said of the place where fetched files would lie."""
    with capture_logs() as lines:
        for is_expected in (True, False):
            file = PlaceFile(tmp_path / "none.mmdb", is_expected=is_expected)
            assert [file.find(AMSTERDAM) for _ in range(3)] == [None] * 3
    assert [line["why"] for line in lines] == ["there is no such file"]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Opening one would stop the whole process until somebody writes to it."""
    os.mkfifo(tmp_path / "pipe.mmdb")
    assert PlaceFile(tmp_path / "pipe.mmdb").find(AMSTERDAM) is None


def test_no_address_is_logged(file: PlaceFile, path: Path) -> None:
    """Not on opening, not on refusing, not on looking up."""
    with capture_logs() as lines:
        country(file)
        replace(path, b"broken")
        country(file)
    assert lines
    assert AMSTERDAM not in repr(lines)
