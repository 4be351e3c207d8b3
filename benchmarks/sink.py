"""Push services that are never the bottleneck: nginx, one worker, TLS, HTTP/2 and HTTP/1.1, nothing kept.

It answers as each of the three services does when all is well: 201 to Web Push (RFC 8030), 200 with the request's own
apns-id to APNs, 200 with a name to FCM, and a token to whoever asks for OAuth. What is measured against it is our own
speed and that of peers. Whether what arrives is right is the sandbox's to say (`gateway.sandbox`): it decrypts and
checks, and costs more than sending does.
"""

import contextlib
import re
import secrets
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Generator
from pathlib import Path
from typing import Final

import msgspec

from benchmarks.certificates import write_certificates
from benchmarks.machine import find_nginx, nginx_version

APNS_HOST: Final = "api.push.apple.com"
FCM_HOST: Final = "fcm.googleapis.com"
OAUTH_HOST: Final = "oauth2.googleapis.com"
TIMED_PATH: Final = "/wpush/timed/"
"""Pushes below this path are written down with the moment of their arrival."""
_HOST: Final = "127.0.0.1"
_NAMES: Final = ("localhost", APNS_HOST, FCM_HOST, OAUTH_HOST)
_STREAMS_MAX: Final = 1_000
"""Requests under way on one connection: as many as APNs permits."""
_HTTP2_HAS_A_LINE_SINCE: Final = (1, 25, 1)
"""From this version of nginx on, `http2` is a directive of its own."""
_START_S: Final = 10.0
_CONFIG: Final = """\
daemon off;
worker_processes 1;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log" warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    log_format moment '$msec $request_uri $http_urgency';
    server_tokens off;
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_body_buffer_size 16k;
    http2_max_concurrent_streams {streams};
    server {{
        listen 127.0.0.1:{port} {listen} backlog=1024;
        {http2}
        ssl_certificate "{folder}/leaf.pem";
        ssl_certificate_key "{folder}/leaf.key";
        ssl_protocols TLSv1.3;
        ssl_session_cache shared:tls:1m;
        location /wpush/ {{
            add_header Location "https://localhost:{port}/m/gAAAAABn0" always;
            add_header TTL $http_ttl always;
            return 201;
        }}
        location {timed} {{
            access_log "{folder}/timed.log" moment;
            add_header Location "https://localhost:{port}/m/gAAAAABn0" always;
            add_header TTL $http_ttl always;
            return 201;
        }}
        location /3/device/ {{
            add_header apns-id $http_apns_id always;
            return 200;
        }}
        location /v1/projects/ {{
            default_type application/json;
            return 200 '{{"name": "projects/shop-example/messages/0:1500415314455276%31bd1c9631bd1c96"}}';
        }}
        location = /token {{
            access_log "{folder}/others.log" moment;
            default_type application/json;
            return 200 '{{"access_token": "{token}", "expires_in": 3599, "token_type": "Bearer"}}';
        }}
        location = /status {{
            access_log "{folder}/others.log" moment;
            stub_status;
        }}
    }}
}}
"""


class SinkMissing(Exception):
    """nginx is not installed; the text says how to mend that."""


class Sink(msgspec.Struct, frozen=True):
    """A running sink."""

    pid: int
    port: int
    folder: Path

    @property
    def origin(self) -> str:
        """Where its endpoints live."""
        return f"https://localhost:{self.port}"

    @property
    def ca_file(self) -> Path:
        """The authority of its certificate."""
        return self.folder / "ca.pem"

    def pushes(self) -> int:
        """How many pushes have arrived so far, counted by somebody else than us."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        question = f"/status?{secrets.token_hex(8)}"
        with urllib.request.urlopen(self.origin + question, context=context, timeout=5) as answer:  # noqa: S310 - https, to this machine
            figures = re.search(r"^\s*(\d+) (\d+) (\d+)", answer.read().decode(), re.MULTILINE)
        assert figures is not None
        return int(figures[3]) - self._others(until=question)

    def _others(self, *, until: str) -> int:
        """Requests that were no pushes, this question included: nginx writes it down when it has answered."""
        until_s = time.monotonic() + _START_S
        while time.monotonic() < until_s:
            others = [line.split()[1] for line in _lines(self.folder / "others.log")]
            if until in others:
                return others.index(until) + 1
            time.sleep(0.002)
        raise SinkMissing("nginx does not write down what it is asked.")

    def arrivals(self, urgency: str) -> dict[str, float]:
        """When pushes of this urgency to `TIMED_PATH` arrived: Unix seconds by path, the last one of each."""
        written = (line.split() for line in _lines(self.folder / "timed.log"))
        return {path: float(at) for at, path, said in written if said == urgency}


def resolve_to(port: int) -> list[str]:
    """The hosts of APNs and FCM, found at a sink: entries for `STEEPLE_EGRESS_RESOLVE`."""
    return [f"{name}:443={_HOST}:{port}" for name in (APNS_HOST, FCM_HOST, OAUTH_HOST)]


@contextlib.contextmanager
def running_sink(folder: Path) -> Generator[Sink]:
    """A sink in the foreground, for the length of the block, with a CA of its own that nobody else trusts."""
    nginx = find_nginx()
    if nginx is None:
        raise SinkMissing("The benchmarks send to nginx, which is not installed: apt-get install nginx-light")
    folder.mkdir()
    folder.chmod(0o711)  # nginx's worker is another user when we are root
    port = free_port()
    write_certificates(folder, _NAMES)
    config = folder / "nginx.conf"
    config.write_text(_configuration(folder, port), encoding="utf-8")
    command = [nginx, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(child, port)
        yield Sink(child.pid, port, folder)
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=_START_S)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _configuration(folder: Path, port: int) -> str:
    has_line = nginx_version() >= _HTTP2_HAS_A_LINE_SINCE
    return _CONFIG.format(
        folder=folder, port=port, streams=_STREAMS_MAX, timed=TIMED_PATH, token=f"ya29.{secrets.token_urlsafe(150)}",
        listen="ssl" if has_line else "ssl http2", http2="http2 on;" if has_line else "",
    )  # fmt: skip


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _wait_for(child: subprocess.Popen[bytes], port: int) -> None:
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        if child.poll() is not None:
            raise SinkMissing(f"nginx ended at once with code {child.returncode}.")
        with contextlib.suppress(OSError), socket.create_connection((_HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise SinkMissing("nginx does not listen.")
