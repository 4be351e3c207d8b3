"""nginx and nghttpd (of nghttp2) on a port of loopback; tests that need them are skipped where they are missing."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import pytest

_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
"""Debian puts servers where only root's PATH looks."""
_START_S = 10.0
_PACKAGES = {"nginx": "nginx-light", "nghttpd": "nghttp2-server"}

_NGINX = """
daemon off;
{user}
worker_processes 1;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log" warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    client_max_body_size 0;
    {options}
    server {{
        listen 127.0.0.1:{port} ssl{http2};
        ssl_certificate "{certificate}";
        ssl_certificate_key "{certificate}";
        location /echo {{ proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; }}
        location /refused {{ return 400 '{{"reason":"BadDeviceToken"}}'; }}
        location / {{ return 201; }}
    }}
}}
"""


def find(program: str) -> str:
    """Where it is; the test is skipped where it is not."""
    found = shutil.which(program, path=_PATH)
    if found is None:
        pytest.skip(f"needs {program}: apt-get install {_PACKAGES[program]}")
    return found


@asynccontextmanager
async def nginx(folder: Path, certificate: Path, *, behind: int = 9, options: str = "") -> AsyncGenerator[int]:
    """Its port. /echo goes to the port `behind`, /refused answers 400 with a body, anything else 201."""
    program, port = find("nginx"), _free_port()
    folder.mkdir(exist_ok=True)
    version = subprocess.run([program, "-v"], capture_output=True, check=True, text=True).stderr
    is_new = tuple(int(part) for part in version.rpartition("/")[2].split()[0].split(".")) >= (1, 25, 1)
    text = _NGINX.format(
        folder=folder,
        port=port,
        certificate=certificate,
        behind=behind,
        options=options + ("http2 on;" if is_new else ""),
        http2="" if is_new else " http2",
        user="user root;" if os.geteuid() == 0 else "",
    )
    path = folder / "nginx.conf"
    path.write_text(text)
    async with _running([program, "-e", str(folder / "error.log"), "-c", str(path)], port, signal.SIGTERM):
        yield port


@asynccontextmanager
async def nghttpd(folder: Path, certificate: Path, *options: str) -> AsyncGenerator[int]:
    """Its port. It serves the files of the folder; with `--echo-upload`, bodies come back."""
    program, port = find("nghttpd"), _free_port()
    command = [program, "-a", "127.0.0.1", "-d", str(folder), *options, str(port), str(certificate), str(certificate)]
    async with _running(command, port, signal.SIGTERM):
        yield port


@asynccontextmanager
async def _running(command: Sequence[str], port: int, ending: signal.Signals) -> AsyncGenerator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await _listens(process, port)
            yield
        finally:
            process.send_signal(ending)
            process.wait(_START_S)


async def _listens(process: "subprocess.Popen[bytes]", port: int) -> None:
    give_up_s = monotonic() + _START_S
    while process.poll() is None and monotonic() < give_up_s:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.02)
            continue
        writer.close()
        return
    pytest.fail(f"{process.args} does not listen.")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
