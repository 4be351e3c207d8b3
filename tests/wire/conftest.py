"""A certificate authority of our own, servers that misbehave to order, and a watch on sockets."""

import asyncio
import contextlib
import ssl
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Authority(msgspec.Struct, frozen=True):
    """A CA on disk, and certificates from it."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def leaf_file(self, *names: str) -> Path:
        """Certificate and key of a server that proves these names, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        leaf = _certificate(names[0], key, issuer=self.certificate.subject, signer=self.key, extension=alternatives)
        path = self.folder / f"{names[0]}.pem"
        path.write_bytes(leaf.public_bytes(Encoding.PEM) + _pem(key))
        return path

    def server_context(self, *names: str) -> ssl.SSLContext:
        """What a TLS server needs to prove these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.leaf_file(*names))
        return context


class Server(msgspec.Struct):
    """A server on loopback that counts who came and keeps what they said first."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = []


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    issuer: x509.Name | None,
    signer: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        .sign(signer, hashes.SHA256())
    )


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA that no system trusts."""
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    constraints = x509.BasicConstraints(ca=True, path_length=0)
    certificate = _certificate("Test CA", key, issuer=None, signer=key, extension=constraints)
    (folder / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    return Authority(folder, key, certificate)


@asynccontextmanager
async def _serving(script: Script, context: ssl.SSLContext | None = None) -> AsyncGenerator[Server]:
    server = Server()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        writers.append(writer)
        # The client may leave at any moment: some tests are about just that.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                server.requests.append(await _request(reader))
                await script(reader, writer)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for writer in writers:
            writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head + await reader.readexactly(length)


@pytest.fixture(scope="session")
def serving() -> Callable[..., AbstractAsyncContextManager[Server]]:
    """Starts a server whose behaviour is a function of reader and writer, called for each request that came."""
    return _serving


_seen: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _seen is not None and event in {"socket.connect", "socket.getaddrinfo"}:
        _seen.append(f"{event} {arguments[1] if event == 'socket.connect' else arguments[0]}")


sys.addaudithook(_watch)


@contextmanager
def _contacts() -> Generator[list[str]]:
    global _seen  # noqa: PLW0603 - an audit hook can never be taken off again, only told to look away
    _seen = []
    try:
        yield _seen
    finally:
        _seen = None


@pytest.fixture(scope="session")
def contacts() -> Callable[[], object]:
    """What the interpreter itself saw of connects and look-ups within the block."""
    return _contacts
