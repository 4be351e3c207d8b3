"""The settings of the embedded Postgres, for a gateway on a small machine. Rewritten at each start."""

import os
from pathlib import Path
from typing import Final

INCLUDED: Final = "steeple.conf"
"""Our file in the cluster; postgresql.conf includes it and otherwise stays as initdb made it."""
_MIB: Final = 1024 * 1024
_LIMIT_FILES: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_bytes() -> int:
    """What this machine, or the container we are in, may use."""
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([whole, *filter(None, map(_limit, _LIMIT_FILES))])


def _limit(file: str) -> int | None:
    try:
        text = Path(file).read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def settings_text(memory: int, *, durable: bool) -> str:
    """The file. `memory` in bytes; `durable=False`: a crash of the machine may lose all, one of the server nothing."""
    buffers = _clamped(memory // 4, 32, 1024)
    return f"""\
# Written by Steeple at each start; changes here are lost. To change a setting: ALTER SYSTEM SET ... (it wins).

max_connections = 100                 # some ten per process, and a few for an operator
shared_buffers = {buffers}MB          # a quarter of the memory, at most 1 GB: the gateway runs here too
effective_cache_size = {_clamped(memory // 2, 64, 65536)}MB
work_mem = 8MB                        # sorts of a page of rows; reports may spill to disk
maintenance_work_mem = {_clamped(memory // 16, 16, 256)}MB
huge_pages = off                      # containers seldom have any, and a small machine gains nothing
shared_memory_type = mmap             # needs neither /dev/shm nor a raised SHMMAX
max_parallel_workers_per_gather = 0   # small reads on few cores; parallel ones need /dev/shm, 64 MB in a container
max_parallel_maintenance_workers = 0

fsync = {"on" if durable else "off"}                            # what was accepted is on disk before anybody hears so
synchronous_commit = on
full_page_writes = on
wal_level = replica                   # a base backup is possible at any time
wal_compression = on                  # full pages are most of our log
max_wal_size = 1GB                    # fewer checkpoints during a campaign, a recovery still takes seconds
min_wal_size = 80MB
checkpoint_timeout = 15min
random_page_cost = 1.1                # SSD
jit = off                             # our statements touch few rows
autovacuum_naptime = 15s              # chunks are updated often and live for minutes
autovacuum_vacuum_scale_factor = 0.05

password_encryption = scram-sha-256
timezone = 'UTC'
datestyle = 'ISO, YMD'
lc_messages = 'C'

log_destination = stderr              # into postgres.log of the data directory, which Steeple keeps short
logging_collector = off
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %a '
log_checkpoints = off
log_error_verbosity = terse           # details and statements hold tokens and names: they are never logged
log_min_error_statement = panic
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
"""


def _clamped(size_bytes: int, low_mib: int, high_mib: int) -> int:
    return min(max(size_bytes // _MIB, low_mib), high_mib)
