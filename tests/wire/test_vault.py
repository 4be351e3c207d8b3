"""A dump of the database tells nobody a private key."""

import os
import stat
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.vault import (
    SealBroken,
    UnknownMasterKey,
    Vault,
    _is_private,
    format_master_key,
    generate_master_key,
    parse_master_key,
    read_key_file,
    sealed_fingerprint,
    write_key_file,
)

OLD, NEW = generate_master_key(), generate_master_key()
SECRET = b"-----BEGIN PRIVATE KEY-----"


@given(st.binary(max_size=10_000), st.text(max_size=100))
def test_what_was_sealed_opens_again(plaintext: bytes, context: str):
    """Any bytes, for any row."""
    vault = Vault(NEW)

    assert vault.open(vault.seal(plaintext, context=context), context=context) == plaintext


def test_a_sealed_value_shows_nothing_of_the_secret():
    """And sealing the same secret twice gives two different values."""
    vault = Vault(NEW)

    one, two = (vault.seal(SECRET, context="app_1/vapid") for _ in range(2))

    assert b"PRIVATE" not in one
    assert one != two


def test_a_sealed_value_does_not_open_in_another_row():
    """Whoever can write the database cannot give one app's key to another app."""
    vault = Vault(NEW)
    sealed = vault.seal(SECRET, context="app_1/vapid")

    with pytest.raises(SealBroken, match="app_2/vapid"):
        vault.open(sealed, context="app_2/vapid")


@pytest.mark.parametrize("at", [9, 20, 21, 40, -1])
def test_a_changed_value_does_not_open(at: int):
    """Nonce, text and tag are all guarded."""
    vault = Vault(NEW)
    sealed = bytearray(vault.seal(SECRET, context="c"))
    sealed[at] ^= 1

    with pytest.raises(SealBroken):
        vault.open(bytes(sealed), context="c")


@pytest.mark.parametrize("cut", [0, 1, 9, 21, 36])
def test_a_cut_value_is_named_as_broken(cut: int):
    """No stray error of the cipher for half a row."""
    vault = Vault(NEW)

    with pytest.raises(SealBroken):
        vault.open(vault.seal(b"", context="c")[:cut], context="c")


def test_a_value_of_another_version_is_not_guessed_at():
    """A later format is refused by this one."""
    sealed = Vault(NEW).seal(SECRET, context="c")

    with pytest.raises(SealBroken, match="no sealed value"):
        Vault(NEW).open(b"\x02" + sealed[1:], context="c")


def test_a_missing_master_key_is_named():
    """The operator learns which key to look for."""
    old = Vault(OLD)
    sealed = old.seal(SECRET, context="c")

    with pytest.raises(UnknownMasterKey, match=old.fingerprint) as caught:
        Vault(NEW).open(sealed, context="c")

    assert caught.value.fingerprint == old.fingerprint == sealed_fingerprint(sealed)


def test_master_keys_can_be_changed_without_losing_a_secret():
    """Old and new together open everything and seal with the new; after rewrapping the old is not needed."""
    sealed = Vault(OLD).seal(SECRET, context="c")
    both = Vault(NEW, [OLD])

    assert both.open(sealed, context="c") == SECRET
    assert not both.is_current(sealed)
    moved = both.rewrap(sealed, context="c")

    assert both.is_current(moved)
    assert Vault(NEW).open(moved, context="c") == SECRET


def test_a_fingerprint_tells_keys_apart_and_nothing_of_the_key():
    """16 hex digits that may stand in a log."""
    assert Vault(OLD).fingerprint != Vault(NEW).fingerprint
    assert Vault(OLD, [NEW]).fingerprint == Vault(OLD).fingerprint
    assert bytes.fromhex(Vault(OLD).fingerprint) not in OLD
    assert len(Vault(OLD).fingerprint) == 16


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "32 bytes"),
        ("short", "32 bytes|base64url"),
        ("*" * 43, "base64url"),
        (format_master_key(OLD)[:-4], "32 bytes"),
        ("A" * 43, "not random"),
        ("changeme" * 5 + "abc", "not random"),
    ],
    ids=count(),  # keys are made anew for each run: their text would name a test differently in each worker
)
def test_a_key_that_is_none_is_refused_without_being_quoted(text: str, says: str):
    """Placeholders among them."""
    with pytest.raises(ValueError, match=says) as caught:
        parse_master_key(text)

    assert not text or text not in str(caught.value)


def test_a_key_survives_its_file(tmp_path: Path):
    """Written for us alone, whatever the umask; read back the same."""
    path = tmp_path / "master key"
    before = os.umask(0)
    try:
        write_key_file(path, NEW)
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key_file(path) == NEW


def test_a_key_file_is_never_overwritten(tmp_path: Path):
    """The key in it may be all that opens the database."""
    path = tmp_path / "key"
    write_key_file(path, OLD)

    with pytest.raises(FileExistsError):
        write_key_file(path, NEW)

    assert read_key_file(path) == OLD


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o620, 0o660, 0o666, 0o601])
def test_a_key_file_that_others_can_use_is_refused(tmp_path: Path, mode: int):
    """And the message says which command mends it."""
    path = tmp_path / "key"
    write_key_file(path, NEW)
    path.chmod(mode)

    with pytest.raises(ValueError, match="chmod 600"):
        read_key_file(path)


def test_a_group_may_read_only_what_root_hands_to_somebody_else(tmp_path: Path):
    """Our own file with group access is refused: the exception is for secrets mounted by a container platform."""
    path = tmp_path / "key"
    write_key_file(path, NEW)
    path.chmod(0o640)

    with pytest.raises(ValueError, match="chmod 600"):
        read_key_file(path)


ROOT, WE, ANOTHER = 0, 1000, 1001


@pytest.mark.parametrize(
    ("owner", "mode", "our_uid", "is_private"),
    [
        (WE, 0o600, WE, True),
        (WE, 0o440, WE, False),
        (ROOT, 0o440, WE, True),
        (ROOT, 0o460, WE, False),
        (ROOT, 0o444, WE, False),
        (ROOT, 0o440, ROOT, False),
        (ROOT, 0o400, ROOT, True),
        (ANOTHER, 0o600, WE, False),
        (ANOTHER, 0o600, ROOT, False),
    ],
)
def test_whose_file_it_is_decides_who_may_read_it(owner: int, mode: int, our_uid: int, *, is_private: bool):
    """A secret mounted by root for our group is fine; a file of another person never is, not even for root."""
    facts = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, 0, 44, 0, 0, 0))

    assert _is_private(facts, our_uid) is is_private


@pytest.mark.parametrize("text", ["", "not a key", "x" * 5000])
def test_a_file_with_something_else_is_refused(tmp_path: Path, text: str):
    """The message names the file, not what stands in it."""
    path = tmp_path / "key"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(ValueError, match=str(path)) as caught:
        read_key_file(path)

    assert not text or text not in str(caught.value)


def test_a_folder_is_no_key_file(tmp_path: Path):
    """A wrong setting is a readable error."""
    with pytest.raises(OSError, match="directory"):
        read_key_file(tmp_path)
