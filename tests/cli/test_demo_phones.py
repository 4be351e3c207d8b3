"""The keys of the demo's phones outlive one demo, since the gateway's database does."""

import stat
from pathlib import Path

import msgspec
import pytest

from gateway.cli.demo_phones import Phones
from gateway.sandbox import Sandbox


async def test_the_next_demo_has_the_same_keys(tmp_path: Path) -> None:
    """So that an app gathers no key a day; nobody else may read them, and the new sandbox takes them."""
    first, second = Phones(Sandbox(), tmp_path), Phones(sandbox := Sandbox(), tmp_path)

    assert second.credentials() == first.credentials()
    key = msgspec.json.decode(second.credentials()["apns"])
    assert sandbox.senders.owner(key["bundle_ids"][0]) == key["team_id"]
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("left", [b"", b"{}", b"nonsense"])
async def test_a_spoilt_file_is_replaced(tmp_path: Path, left: bytes) -> None:
    """A demo starts whatever lies there."""
    Phones(Sandbox(), tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(left)
    made = Phones(Sandbox(), tmp_path).credentials()
    assert Phones(Sandbox(), tmp_path).credentials() == made
    assert set(made) == {"apns", "fcm"}
