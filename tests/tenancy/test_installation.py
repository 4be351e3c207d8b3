"""The first start, and what happens when the master key is lost."""

import asyncio
import stat
from pathlib import Path

import pytest

from gateway.config import Settings
from gateway.model.errors import GatewayError
from gateway.store.database import Database
from gateway.tenancy.api_keys import parse
from gateway.tenancy.apps import create_app
from gateway.tenancy.installation import ensure_installation, open_vault, rewrap_all
from gateway.tenancy.keyring import Keyring
from gateway.wire.vault import Vault, format_master_key, generate_master_key, write_key_file


async def test_the_first_start_makes_a_key_that_only_we_can_read(database: Database, tmp_path: Path):
    """Nothing to set up: the key is made once, with mode 0600, and the next start finds it."""
    settings = Settings(data_dir=str(tmp_path / "with space"))

    first = await open_vault(settings, database)
    second = await open_vault(settings, database)

    file = tmp_path / "with space" / "master.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert first.fingerprint == second.fingerprint


async def test_processes_that_start_at_once_use_one_key(database: Database, tmp_path: Path):
    """The supervisor's processes race to the first start and agree."""
    settings = Settings(data_dir=str(tmp_path))

    vaults = await asyncio.gather(*(open_vault(settings, database) for _ in range(6)))

    assert len({one.fingerprint for one in vaults}) == 1


async def test_a_start_without_the_key_is_refused_and_makes_none(database: Database, tmp_path: Path):
    """A new key would cover up the loss and open nothing: the refusal names the key that is needed."""
    vault = await open_vault(Settings(data_dir=str(tmp_path / "old")), database)
    await ensure_installation(database, vault)

    with pytest.raises(GatewayError) as refused:
        await open_vault(Settings(data_dir=str(tmp_path / "new")), database)

    assert refused.value.code == "master_key_missing"
    assert vault.fingerprint in refused.value.message
    assert not (tmp_path / "new" / "master.key").exists()


async def test_a_start_with_a_wrong_key_is_refused(database: Database, tmp_path: Path):
    """Another installation's key is told apart before anything is sealed with it."""
    vault = await open_vault(Settings(data_dir=str(tmp_path)), database)
    await ensure_installation(database, vault)

    with pytest.raises(GatewayError) as refused:
        await open_vault(Settings(master_key=format_master_key(generate_master_key())), database)

    assert refused.value.code == "master_key_missing"
    assert vault.fingerprint in refused.value.message


async def test_the_key_may_come_as_a_setting_or_in_a_file(database: Database, tmp_path: Path):
    """Secret stores hand keys over in either way."""
    key = generate_master_key()
    write_key_file(tmp_path / "mine.key", key)

    for settings in (
        Settings(master_key=format_master_key(key)),
        Settings(master_key_file=str(tmp_path / "mine.key")),
    ):
        assert (await open_vault(settings, database)).fingerprint == Vault(key).fingerprint


@pytest.mark.parametrize("wrong", ["short", "A" * 43, "canary canary canary"])
async def test_a_key_that_is_none_is_refused_without_quoting_it(database: Database, wrong: str):
    """The operator hears which setting is wrong; the log does not learn what was in it."""
    with pytest.raises(GatewayError) as refused:
        await open_vault(Settings(master_key=wrong), database)

    assert (refused.value.code, refused.value.param) == ("setting_invalid", "master_key")
    assert wrong not in refused.value.message


async def test_a_named_file_that_is_not_there_or_open_to_all_is_refused(database: Database, tmp_path: Path):
    """A key is never made where the operator said there is one, nor taken from where everybody reads it."""
    with pytest.raises(GatewayError, match="no file"):
        await open_vault(Settings(master_key_file=str(tmp_path / "none")), database)
    (tmp_path / "open.key").write_text(format_master_key(generate_master_key()))
    (tmp_path / "open.key").chmod(0o644)

    with pytest.raises(GatewayError, match="chmod 600"):
        await open_vault(Settings(master_key_file=str(tmp_path / "open.key")), database)


async def test_the_first_admin_key_is_made_once(database: Database, vault: Vault):
    """However many processes start for the first time, one of them prints a key."""
    printed = await asyncio.gather(*(ensure_installation(database, vault) for _ in range(5)))

    texts = [text for text in printed if text is not None]
    assert len(texts) == 1
    assert parse(texts[0])
    assert await ensure_installation(database, vault) is None
    assert await database.fetchval("SELECT count(*) FROM api_keys") == 1


async def test_a_lost_admin_key_is_replaced_once(database: Database, vault: Vault):
    """Whoever deletes every key of the installation gets one new one at the next start, of however many processes."""
    await ensure_installation(database, vault)
    for _ in range(3):
        await database.execute("DELETE FROM api_keys")

        printed = await asyncio.gather(*(ensure_installation(database, vault) for _ in range(6)))

        assert sum(text is not None for text in printed) == 1


async def test_the_address_key_is_the_same_for_all_and_for_ever(database: Database, vault: Vault):
    """An endpoint hashes alike in every process, after every restart."""
    await asyncio.gather(*(ensure_installation(database, vault) for _ in range(5)))

    keys = {await Keyring(database, vault).address_key() for _ in range(3)}

    assert len(keys) == 1
    assert len(next(iter(keys))) == 32


async def test_a_second_installation_on_the_same_database_is_refused(database: Database, vault: Vault):
    """Two data directories, one database: the second key seals nothing."""
    await ensure_installation(database, vault)

    with pytest.raises(GatewayError) as refused:
        await ensure_installation(database, Vault(generate_master_key()))

    assert refused.value.code == "master_key_missing"


async def test_the_master_key_can_be_changed(database: Database, tmp_path: Path):
    """With new and old key given, everything is sealed anew, and the old one is not needed any more."""
    old, new = format_master_key(generate_master_key()), format_master_key(generate_master_key())
    vault = await open_vault(Settings(master_key=old), database)
    await ensure_installation(database, vault)
    app = (await create_app(database, vault, name="shop", origins=[], subject="mailto:a@shop.example")).app
    before = await Keyring(database, vault).credentials(app.id)

    both = await open_vault(Settings(master_key=f"{new},{old}"), database)
    changed = await rewrap_all(database, both)

    alone = Keyring(database, await open_vault(Settings(master_key=new), database))
    assert changed == 4, "address, receipt, identity, and one credential"
    assert await alone.credentials(app.id) == before
    assert len(await alone.address_key()) == 32
    assert await rewrap_all(database, both) == 0
    with pytest.raises(GatewayError):
        await open_vault(Settings(master_key=old), database)
