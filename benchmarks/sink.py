"""A push service that is never the bottleneck: nginx, one worker, TLS, 201 to every POST, nothing kept.

What is measured against it is our own speed and that of peers. Whether what arrives is right is the sandbox's to say
(`gateway.sandbox`): it decrypts and checks, and costs more than sending does.
"""

import contextlib
import datetime as dt
import os
import re
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
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from benchmarks.machine import find_nginx

_HOST: Final = "127.0.0.1"
_START_S: Final = 10.0
_DAYS: Final = 2
_CONFIG: Final = """\
daemon off;
worker_processes 1;
pid "{folder}/nginx.pid";
error_log "{folder}/error.log" warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    server_tokens off;
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_body_buffer_size 16k;
    server {{
        listen 127.0.0.1:{port} ssl backlog=1024;
        ssl_certificate "{folder}/leaf.pem";
        ssl_certificate_key "{folder}/leaf.key";
        ssl_protocols TLSv1.3;
        ssl_session_cache shared:tls:1m;
        location /wpush/ {{
            add_header Location "https://localhost:{port}/m/gAAAAABn0" always;
            add_header TTL 60 always;
            return 201;
        }}
        location = /status {{ stub_status; }}
    }}
}}
"""


class SinkMissing(Exception):
    """nginx is not installed; the text says how to mend that."""


class Sink(msgspec.Struct, frozen=True):
    """A running sink."""

    pid: int
    port: int
    ca_file: Path

    @property
    def origin(self) -> str:
        """Where its endpoints live."""
        return f"https://localhost:{self.port}"

    def requests(self) -> int:
        """How many requests it has answered, this one included: what arrived, counted by somebody else than us."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        with urllib.request.urlopen(f"{self.origin}/status", context=context, timeout=5) as answer:  # noqa: S310 - https, to this machine
            figures = re.search(r"^\s*(\d+) (\d+) (\d+)", answer.read().decode(), re.MULTILINE)
        assert figures is not None
        return int(figures[3])


@contextlib.contextmanager
def running_sink(folder: Path) -> Generator[Sink]:
    """A sink in the foreground, for the length of the block, with a CA of its own that nobody else trusts."""
    nginx = find_nginx()
    if nginx is None:
        raise SinkMissing("The benchmarks send to nginx, which is not installed: apt-get install nginx-light")
    folder.mkdir()
    folder.chmod(0o711)  # nginx's worker is another user when we are root
    port = free_port()
    _write_certificates(folder)
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, port=port), encoding="utf-8")
    command = [nginx, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(config)]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        _wait_for(child, port)
        yield Sink(child.pid, port, folder / "ca.pem")
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait(timeout=_START_S)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _wait_for(child: subprocess.Popen[bytes], port: int) -> None:
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        if child.poll() is not None:
            raise SinkMissing(f"nginx ended at once with code {child.returncode}.")
        with contextlib.suppress(OSError), socket.create_connection((_HOST, port), timeout=1):
            return
        time.sleep(0.05)
    raise SinkMissing("nginx does not listen.")


def _write_certificates(folder: Path) -> None:
    """A CA and a leaf for localhost, good for two days, P-256 like those of real push services."""
    authority, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("Steeple benchmark CA", authority, "Steeple benchmark CA", authority, is_ca=True)
    served = _certificate("localhost", leaf, "Steeple benchmark CA", authority, is_ca=False)
    (folder / "ca.pem").write_bytes(root.public_bytes(Encoding.PEM))
    (folder / "leaf.pem").write_bytes(served.public_bytes(Encoding.PEM))
    key = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor = os.open(folder / "leaf.key", os.O_WRONLY | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *, is_ca: bool
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if is_ca:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        return builder.add_extension(usage, critical=True).sign(signer, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        builder.add_extension(names, critical=False)
        .add_extension(purpose, critical=False)
        .sign(signer, hashes.SHA256())
    )


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
