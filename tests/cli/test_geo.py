"""`steeple geo`: the file of cities is fetched whole or not at all, asked, and shown."""

import gzip
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from gateway.cli.geo_download import check_source, months
from gateway.geo.locator import FETCHED
from gateway.model.errors import GatewayError
from tests.cli.terminal import Terminal
from tests.geo.files import AMSTERDAM, UNKNOWN, write_places

THIS_MONTH = f"{datetime.now(UTC):%Y-%m}"


class Mirror:
    """A server of files on loopback, and what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.asked: list[str] = []
        self.cut_short = False
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.answer(self)

            def log_message(self, format: str, *_: object) -> None:  # noqa: A002 - its name in the library
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/free"

    def put(self, month: str, content: bytes) -> None:
        """The file of a month."""
        self.files[f"/free/dbip-city-lite-{month}.mmdb.gz"] = content

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        self.asked.append(request.path)
        content = self.files.get(request.path)
        if request.path in self.redirects:
            request.send_response(302)
            request.send_header("Location", self.redirects[request.path])
            request.end_headers()
        elif content is None:
            request.send_error(404)
        else:
            request.send_response(200)
            request.send_header("Content-Length", str(len(content)))
            request.end_headers()
            request.wfile.write(content[: len(content) // 2] if self.cut_short else content)


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def packed(tmp_path: Path) -> bytes:
    """A file of cities as the server has it."""
    return gzip.compress(write_places(tmp_path / "source.mmdb", "nested without codes").read_bytes())


@pytest.fixture
def shell(tmp_path: Path, mirror: Mirror) -> Terminal:
    return Terminal(tmp_path, STEEPLE_DATA_DIR=str(tmp_path / "data"), STEEPLE_GEO_URL=mirror.url, no_proxy="127.0.0.1")


@pytest.fixture
def fetched(tmp_path: Path) -> Path:
    return tmp_path / "data" / FETCHED


def test_the_file_of_this_month_is_fetched_and_asked(
    shell: Terminal, mirror: Mirror, packed: bytes, fetched: Path
) -> None:
    """One command; then addresses have cities, and everybody is told whose data it is."""
    mirror.put(THIS_MONTH, packed)

    said = shell("geo", "fetch")
    assert (said.code, "IP Geolocation by DB-IP (https://db-ip.com)" in said.out) == (0, True), said
    assert [path.name for path in fetched.parent.iterdir()] == [fetched.name]
    place = shell("geo", "lookup", AMSTERDAM, "--json").json["place"]
    assert (place["country"], place["region"], place["city"], place["source"]) == (
        "NL", "North Holland", "Amsterdam", "city_file",
    )  # fmt: skip
    (file,) = shell("geo", "status", "--json").json["files"]
    assert (file["path"], file["layout"]) == (str(fetched), "nested")


def test_in_the_first_days_of_a_month_the_last_one_is_taken(shell: Terminal, mirror: Mirror, packed: bytes) -> None:
    """DB-IP's new file comes some hours into the month."""
    _, last = months(datetime.now(UTC).date())
    mirror.put(last, packed)

    assert shell("geo", "fetch").code == 0
    assert len(mirror.asked) == 2
    assert months(date(2026, 1, 1)) == ["2026-01", "2025-12"]


def test_a_server_without_files_is_named(shell: Terminal, mirror: Mirror) -> None:
    """The months that were looked for are in the sentence."""
    said = shell("geo", "fetch")
    assert said.code == 1
    assert THIS_MONTH in said.err


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda packed: packed[:-20], "ends too early"),
        (lambda packed: packed[:-6] + bytes(6), "damaged"),
        (lambda packed: packed + b"more", "behind the end"),
        (gzip.decompress, "not packed"),
        (lambda _: gzip.compress(b"no places"), "no MMDB file"),
        (lambda _: b"", "ends too early"),
    ],
    ids=["cut", "damaged", "longer", "not packed", "something else", "empty"],
)
def test_a_bad_file_leaves_the_good_one(
    shell: Terminal, mirror: Mirror, packed: bytes, *, fetched: Path, damage: Callable[[bytes], bytes], words: str
) -> None:
    """Whatever came: the old file stays as it was, nothing lies beside it, and the reason is told."""
    write_places(fetched)
    before = fetched.read_bytes()
    mirror.put(THIS_MONTH, damage(packed))

    said = shell("geo", "fetch")

    assert (said.code, said.out) == (1, "")
    assert words in said.err
    assert fetched.read_bytes() == before
    assert list(fetched.parent.iterdir()) == [fetched]


def test_a_connection_that_breaks_off_leaves_the_good_file(shell: Terminal, mirror: Mirror, packed: bytes) -> None:
    """Half a file is none."""
    mirror.put(THIS_MONTH, packed)
    mirror.cut_short = True
    assert shell("geo", "fetch").code == 1


def test_a_checksum_is_compared(shell: Terminal, mirror: Mirror, packed: bytes, fetched: Path) -> None:
    """As DB-IP's page shows it; another one is refused."""
    mirror.put(THIS_MONTH, packed)
    right = hashlib.sha1(packed, usedforsecurity=False).hexdigest()

    wrong = shell("geo", "fetch", "--checksum", "0" * 40)
    assert (wrong.code, right in wrong.err, fetched.exists()) == (1, True, False)
    assert shell("geo", "fetch", "--checksum", "12").code == 1
    assert shell("geo", "fetch", "--checksum", right.upper()).code == 0


@pytest.mark.parametrize("url", ["http://mirror.example/free", "ftp://mirror.example", "file:///etc", "mirror.example"])
def test_files_come_over_https_alone(url: str) -> None:
    """Somebody on the way could put in a file that places everybody where they like."""
    with pytest.raises(GatewayError, match="https"):
        check_source(url)


def test_a_redirect_does_not_lead_out_of_https(shell: Terminal, mirror: Mirror) -> None:
    """Not even when the server asks for it."""
    mirror.redirects[f"/free/dbip-city-lite-{THIS_MONTH}.mmdb.gz"] = "http://mirror.example/x.gz"
    said = shell("geo", "fetch")
    assert (said.code, "https" in said.err) == (1, True)


def test_a_file_that_nobody_will_read_is_told_so(
    shell: Terminal, mirror: Mirror, packed: bytes, tmp_path: Path
) -> None:
    """Where the settings name another one."""
    mirror.put(THIS_MONTH, packed)
    said = shell("geo", "fetch", STEEPLE_GEO_DB=str(tmp_path / "own.mmdb"))
    assert "not in use" in said.err


def test_an_address_of_which_nothing_is_known(shell: Terminal) -> None:
    """Exit 1, as a program would want it; what is no address is another refusal."""
    assert shell("geo", "lookup", "10.0.0.1").code == 1
    assert shell("geo", "lookup", UNKNOWN, STEEPLE_GEO_DB="off").code == 1
    said = shell("geo", "lookup", "utrecht", "--json")
    assert (said.code, said.error["param"]) == (1, "address")


def test_the_doctor_tells_how_places_stand(shell: Terminal, tmp_path: Path, fetched: Path) -> None:
    """No file, a named one that is missing, a good one, none wanted."""

    def states(**settings: str) -> list[tuple[str, str]]:
        found = shell("doctor", "--json", **settings).json["findings"]
        return [(one["state"], one["text"]) for one in found if one["subject"] == "places"]

    assert states() == [("warning", "There is no file of cities: devices are placed by country at most.")]
    missing = tmp_path / "none.mmdb"
    assert states(STEEPLE_GEO_DB=str(missing)) == [("wrong", f"{missing}: there is no such file.")]
    assert states(STEEPLE_GEO_DB="off") == [("fine", "No address is looked up.")]
    write_places(fetched)
    assert states() == [("fine", f"{fetched}, 0 days old")]
