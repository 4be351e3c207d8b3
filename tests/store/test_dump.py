"""A backup holds everything, and a restore changes nothing unless it changes all."""

from pathlib import Path

import pytest

from gateway.model.errors import GatewayError
from gateway.store.database import Database
from gateway.store.dump import dump, restore


async def _topics(dsn: str) -> list[str]:
    db = await Database.open(dsn, size_max=1)
    try:
        return [row["slug"] for row in await db.fetch("SELECT slug FROM topics ORDER BY slug")]
    finally:
        await db.close()


async def _make_topics(dsn: str) -> None:
    db = await Database.open(dsn, size_max=1)
    try:
        await db.execute(
            "INSERT INTO topics (app_id, id, slug, name) VALUES (1, 1, 'sale', 'Sale'), (1, 2, 'news', 'News')"
        )
    finally:
        await db.close()


async def test_a_backup_comes_back_whole(dsn: str, empty_dsn: str, tmp_path: Path) -> None:
    """What was there at the backup is there after the restore, and only the owner can read the file."""
    await _make_topics(dsn)
    file = tmp_path / "with space.dump"
    size = await dump(dsn, file)
    await restore(empty_dsn, file)
    assert size == file.stat().st_size > 0
    assert file.stat().st_mode & 0o077 == 0
    assert await _topics(empty_dsn) == ["news", "sale"]


async def test_a_backup_overwrites_nothing(dsn: str, tmp_path: Path) -> None:
    """Yesterday's backup is not lost to a slip of the hand."""
    file = tmp_path / "b.dump"
    file.write_text("yesterday")
    with pytest.raises(FileExistsError):
        await dump(dsn, file)
    assert file.read_text() == "yesterday"


async def test_a_failed_backup_leaves_no_file(tmp_path: Path) -> None:
    """Half a backup would be taken for a whole one."""
    with pytest.raises(GatewayError, match="database cannot be reached"):
        await dump("postgresql://nobody@127.0.0.1:9/none", tmp_path / "b.dump")
    assert list(tmp_path.iterdir()) == []


async def test_a_restore_goes_into_an_empty_database_only(dsn: str, tmp_path: Path) -> None:
    """Two installations are never mixed."""
    file = tmp_path / "b.dump"
    await dump(dsn, file)
    with pytest.raises(GatewayError, match="not empty"):
        await restore(dsn, file)


async def test_a_broken_backup_restores_nothing(dsn: str, empty_dsn: str, tmp_path: Path) -> None:
    """A file that breaks off in the middle leaves the database as empty as it was."""
    await _make_topics(dsn)
    file = tmp_path / "b.dump"
    await dump(dsn, file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(GatewayError, match="pg_restore failed"):
        await restore(empty_dsn, file)
    db = await Database.open(empty_dsn, size_max=1)
    try:
        assert await db.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await db.close()
