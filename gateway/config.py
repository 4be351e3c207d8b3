"""Every setting: its name, default, where it was set, and what is wrong with it.

Settings come from `STEEPLE_*` variables, else from `steeple.toml` (the same names in lower case, no prefix), else
from the default. Provider tables (`[providers.<name>]`) are passed on untouched: each provider checks its own.
"""

import errno
import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from gateway.model.errors import GatewayError
from gateway.model.limits import BORN_CLAIMED_LEASE_S, DRAIN_S, GROUPS_IN_FLIGHT_MAX, LEASE_S, PLACE_FILES_MAX

PREFIX: Final = "STEEPLE_"
_EMPTY_IS_OFF: Final = frozenset({"metrics_bind"})
"""Settings with a default that an empty variable switches off."""
SECRET_SETTINGS: Final = frozenset({"database_url", "master_key"})
"""Shown by `--print-config` as set or not set, never with their value."""


def default_data_dir() -> Path:
    """`/var/lib/steeple` for root, `$XDG_DATA_HOME/steeple` (or `~/.local/share/steeple`) for everybody else."""
    if os.geteuid() == 0:
        return Path("/var/lib/steeple")
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "steeple"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for this process. `docs/reference/settings.md` is generated from these fields."""

    database_url: str = ""
    """A Postgres to use; empty: the embedded one in the data directory."""
    data_dir: str = ""
    """Where the embedded Postgres, the master key and the log of Postgres live."""
    bind: str = "127.0.0.1:8080"
    """Address and port of the API."""
    public_url: str = ""
    """How browsers reach this gateway, such as https://push.shop.example; empty: http:// and the bind address."""
    workers: int = 0
    """Delivery processes; 0: one per core."""
    master_key: str = ""
    """Seals secrets at rest, 32 bytes in base64url."""
    master_key_file: str = ""
    """A file with the master key; empty: master.key in the data directory."""
    vapid_subject: str = ""
    """Contact that push services see, for new apps that name none: mailto: or https:."""
    egress_allow: str = ""
    """Further push hosts: `host`, `*.suffix` or `host:port`, by comma; `+private` permits private addresses."""
    egress_ca: str = ""
    """A file with a further CA to trust, for push servers of one's own."""
    egress_resolve: str = ""
    """For rehearsal only: comma-separated `host:port=address:port`."""
    sandbox: bool = False
    """Permits http and loopback for hosts named in egress_allow and egress_resolve. Only with a loopback bind."""
    metrics_bind: str = "127.0.0.1:9464"
    """The supervisor's listener for /metrics; empty: none."""
    log: Literal["json", "pretty"] = "json"
    """Form of the logs."""
    rate_per_key: int = 2000
    """Requests a second that one API key may make."""
    rate_public: int = 20
    """Requests a second that one address may make to one app's public routes; five times as many in a burst."""
    trusted_proxies: str = ""
    """Comma-separated addresses or networks whose X-Forwarded-For is believed."""
    geo_db: str = ""
    """Files of places (MMDB), by comma; empty: the one of `steeple geo fetch`; `off`: no address is looked up."""
    location_days: int = 30
    """How long a position that a device gave is kept."""
    lease_s: int = LEASE_S
    """How long a worker that went silent keeps its chunks."""
    born_claimed_lease_s: int = BORN_CLAIMED_LEASE_S
    """The same for messages that the accepting process sends itself."""
    groups_in_flight: int = GROUPS_IN_FLIGHT_MAX
    """Groups of 500 that a worker holds at once: what a crash may repeat."""
    drain_s: int = DRAIN_S
    """How long sends under way may take to finish after SIGTERM."""
    fast_ecdh: Literal["auto", "off"] = "auto"
    """auto: encryption uses the extra `fast` where it is installed and passes its test; off: it does not."""
    providers: dict[str, dict[str, Any]] = {}
    """Provider tables of steeple.toml, unread."""

    def __repr__(self) -> str:
        """Without secrets: such objects end up in tracebacks."""
        told = ", ".join(f"{name}={_shown(name, getattr(self, name))!r}" for name in self.__struct_fields__)
        return f"Settings({told})"

    @property
    def data_path(self) -> Path:
        """The data directory in force."""
        return Path(self.data_dir) if self.data_dir else default_data_dir()

    @property
    def bind_address(self) -> tuple[str, int]:
        """Host and port of the API."""
        return split_bind(self.bind, setting="bind")

    @property
    def url(self) -> str:
        """How browsers reach this gateway, without a slash at the end."""
        return self.public_url.rstrip("/") or f"http://{self.bind.replace('127.0.0.1', 'localhost')}"

    @property
    def worker_count(self) -> int:
        """Delivery processes in force."""
        return self.workers or os.cpu_count() or 1


class Source(msgspec.Struct, frozen=True):
    """Where a setting's value came from, for `--print-config`."""

    name: str
    value: str
    origin: str


def split_bind(text: str, *, setting: str) -> tuple[str, int]:
    """("127.0.0.1", 8080) from `127.0.0.1:8080` or `[::1]:8080`."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:  # noqa: PLR2004 - the largest port there is
        raise _wrong(setting, f"`{text}` is not of the form 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def cannot_listen(fault: OSError, bind: str, *, setting: str) -> GatewayError:
    """What keeps us from listening on `bind`, in words."""
    match fault.errno:
        case errno.EADDRINUSE:
            why = f"another program listens on {bind} already; stop it, or choose another port"
        case errno.EACCES | errno.EPERM:
            why = f"we are not permitted to listen on {bind}; ports below 1024 need a right that only root has"
        case errno.EADDRNOTAVAIL:
            why = f"this machine has no such address as {bind}"
        case _:
            why = f"nothing can listen on {bind}: {fault.strerror or fault}"
    return _wrong(setting, why)


def load(environ: Mapping[str, str], *, file: Path | None = None, given: Mapping[str, Any] | None = None) -> Settings:
    """The settings in force: `given` (command line) over the environment over the file over defaults.

    Raises `GatewayError` (`setting_invalid`) naming the setting, its source and what it should look like.
    """
    return sources(environ, file=file, given=given)[0]


def sources(
    environ: Mapping[str, str], *, file: Path | None = None, given: Mapping[str, Any] | None = None
) -> tuple[Settings, list[Source]]:
    """The settings in force and where each came from."""
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    named = file or (Path(environ[f"{PREFIX}CONFIG"]) if environ.get(f"{PREFIX}CONFIG") else None)
    file = named or Path("steeple.toml")
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, table in (
        (str(file), _read_file(file, is_named=named is not None)),
        ("environment", _read_environment(environ, fields)),
        ("command line", {name: value for name, value in (given or {}).items() if value is not None}),
    ):
        for name, value in table.items():
            if name not in fields:
                raise _wrong(name, f"there is no such setting ({origin})")
            values[name], origins[name] = value, origin
    for name, value in values.items():
        try:
            msgspec.convert(value, fields[name].type, strict=False)
        except msgspec.ValidationError as fault:
            raise _wrong(name, f"{str(fault).lower()} ({origins[name]})") from None
    settings = msgspec.convert(values, Settings, strict=False)
    _check(settings)
    return settings, [
        Source(name, _shown(name, getattr(settings, name)), origins.get(name, "default")) for name in fields
    ]


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _check(settings: Settings) -> None:
    host, _ = settings.bind_address
    if settings.metrics_bind:
        split_bind(settings.metrics_bind, setting="metrics_bind")
    if settings.sandbox and not is_loopback(host):
        raise _wrong("sandbox", f"a rehearsal listens on loopback only, and bind is {settings.bind}")
    if settings.egress_resolve and not settings.sandbox:
        raise _wrong("egress_resolve", "it is for rehearsal and needs sandbox=1")
    if settings.public_url and not settings.public_url.startswith(("https://", "http://")):
        raise _wrong("public_url", "it starts with https:// (or http:// on this machine)")
    for name in (
        "rate_per_key",
        "rate_public",
        "lease_s",
        "born_claimed_lease_s",
        "groups_in_flight",
        "drain_s",
        "location_days",
    ):
        if getattr(settings, name) < 1:
            raise _wrong(name, "it is at least 1")
    if settings.geo_db.count(",") >= PLACE_FILES_MAX:
        raise _wrong("geo_db", f"it names at most {PLACE_FILES_MAX} files")
    if settings.workers < 0:
        raise _wrong("workers", "it is 0 (one per core) or more")


def _read_file(file: Path, *, is_named: bool) -> dict[str, Any]:
    if not file.exists():
        if is_named:
            # All defaults instead of what the operator wrote would start a gateway on an empty database of its own.
            raise _wrong("config", f"there is no such file as {file}")
        return {}
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as fault:
        raise _wrong(str(file), f"the file cannot be read: {fault}") from None


def _read_environment(environ: Mapping[str, str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """What is set. An empty variable is as good as none (container files have them), but for what it switches off."""
    given = {name: environ.get(f"{PREFIX}{name.upper()}") for name in fields if name != "providers"}
    return {name: text for name, text in given.items() if text or (text == "" and name in _EMPTY_IS_OFF)}


def _shown(name: str, value: Any) -> str:
    if name in SECRET_SETTINGS:
        return "(set)" if value else ""
    return ", ".join(sorted(value)) if name == "providers" else str(value)


def _wrong(name: str, why: str) -> GatewayError:
    return GatewayError("setting_invalid", f"Setting {name}: {why}.", param=name)


def host_name() -> str:
    """This machine's name, for the table of processes."""
    return socket.gethostname()
