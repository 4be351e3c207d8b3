"""What an operator brings from Apple: keys and certificates in their usual forms, and what is wrong with others."""

import base64
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.model.errors import GatewayError
from gateway.transports.apns import Provider
from gateway.transports.apns.credential import access_of
from gateway.transports.base import Minted
from tests.transports.apple_material import (
    BUNDLE,
    KEY_ID,
    PRODUCTION_MARK,
    SANDBOX_MARK,
    TEAM_ID,
    certificate,
    certificate_pem,
    p8,
    pem_of,
    topics_der,
)
from tests.transports.fakes import NOW_S


def loaded(form: Any) -> Minted:
    return Provider.load(form if isinstance(form, str) else msgspec.json.encode(form).decode(), "")


def refusal(form: Any) -> str:
    """The sentence, which holds nothing of what was brought."""
    with pytest.raises(GatewayError) as refused:
        loaded(form)
    assert (refused.value.code, refused.value.param) == ("key_material_invalid", "private_key")
    text = form if isinstance(form, str) else msgspec.json.encode(form).decode()
    assert not any(line in refused.value.message for line in text.replace("\\n", "\n").split("\n") if len(line) > 40)
    assert len(refused.value.message) < 500
    return refused.value.message


def test_a_key_of_a_team():
    """Operators see whose it is and which apps it may send to; the key itself is sealed, and loads again."""
    form = p8(bundle_ids=[BUNDLE, "com.shop.watch", BUNDLE])
    found = loaded(form)

    assert {name: value for name, value in found.public.items() if name != "fingerprint"} == {
        "key_id": KEY_ID,
        "team_id": TEAM_ID,
        "bundle_ids": [BUNDLE, "com.shop.watch"],
        "environments": ["production", "sandbox"],
    }
    assert len(found.public["fingerprint"]) == 32
    assert loaded(found.secret.decode()) == found
    assert form["p8"].splitlines()[1] not in str(found.public)


def test_a_key_for_one_environment():
    """Apple hands out such keys since 2025."""
    assert loaded(p8(environments=["sandbox"])).public["environments"] == ["sandbox"]


@pytest.mark.parametrize(
    "form", ["PEM", "JSON", "two files", "encrypted", "chain", "key first", "PKCS 12", "locked PKCS 12"]
)
def test_a_certificate_in_all_its_forms(form: str):
    """As openssl writes it, as Keychain exports it; apps, environments and end are read from it."""
    leaf, key = certificate()
    above, _ = certificate(uid=None)
    pem = certificate_pem(leaf)
    brought: dict[str, Any] = {
        "PEM": pem + pem_of(key),
        "JSON": {"certificate": pem + pem_of(key)},
        "two files": {"certificate": pem, "key": pem_of(key)},
        "encrypted": {"certificate": pem, "key": pem_of(key, b"secret"), "password": "secret"},
        "chain": certificate_pem(above, leaf) + pem_of(key),
        "key first": pem_of(key) + "Bag Attributes\n    friendlyName: x\n" + pem,
        "PKCS 12": {"pkcs12": _pkcs12(leaf, key, None)},
        "locked PKCS 12": {"pkcs12": _pkcs12(leaf, key, b"secret"), "password": "secret"},
    }
    found = loaded(brought[form])
    access = access_of(found.secret)

    assert {name: value for name, value in found.public.items() if name != "fingerprint"} == {
        "bundle_ids": [BUNDLE],
        "environments": ["production", "sandbox"],
        "expires_at": "2027-02-14T08:00:00+00:00",
    }
    assert loaded(found.secret.decode()) == found
    assert access.expires_at_s == NOW_S + 30 * 86_400
    assert access.identity is not None
    assert access.identity.certificate_pem.decode().startswith(pem)
    assert access.identity.key_pem.decode() == pem_of(key)
    assert "PRIVATE" not in f"{access}{access.signing}{found.public}"


def _pkcs12(leaf: Any, key: Any, password: bytes | None) -> str:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return base64.b64encode(pkcs12.serialize_key_and_certificates(b"x", key, leaf, None, locked)).decode()


@pytest.mark.parametrize(
    ("marks", "topics", "environments", "names"),
    [
        ((SANDBOX_MARK,), None, ["sandbox"], [BUNDLE]),
        ((PRODUCTION_MARK,), None, ["production"], [BUNDLE]),
        (
            (SANDBOX_MARK, PRODUCTION_MARK),
            topics_der(BUNDLE, f"{BUNDLE}.voip", f"{BUNDLE}.complication"),
            ["production", "sandbox"],
            [BUNDLE, f"{BUNDLE}.complication", f"{BUNDLE}.voip"],
        ),
        ((), topics_der(BUNDLE), ["production", "sandbox"], [BUNDLE]),
    ],
    ids=["development", "production", "universal", "topics alone"],
)
def test_what_a_certificate_is_for_stands_in_it(
    marks: tuple[str, ...], topics: bytes | None, environments: list[str], names: list[str]
):
    """Nobody has to type what Apple wrote into it."""
    leaf, key = certificate(marks=marks, topics=topics)
    public = loaded(certificate_pem(leaf) + pem_of(key)).public

    assert (public["environments"], public["bundle_ids"]) == (environments, names)


def test_a_certificate_covers_the_topics_that_it_names():
    """VoIP needs to stand in it; a key covers every kind of push of its apps."""
    leaf, key = certificate(topics=topics_der(BUNDLE, f"{BUNDLE}.voip"))
    by_certificate = access_of(loaded(certificate_pem(leaf) + pem_of(key)).secret)
    by_key = access_of(loaded(p8()).secret)

    assert by_certificate.topic(BUNDLE, ".voip", "production") == f"{BUNDLE}.voip"
    assert by_certificate.topic(BUNDLE, ".complication", "production") is None
    assert by_key.topic(BUNDLE, ".complication", "sandbox") == f"{BUNDLE}.complication"
    assert by_key.topic("com.other", "", "sandbox") is None


@pytest.mark.parametrize(
    "der",
    [b"", b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x0c\x03abc", b"\x30\x05\x0c\x09abc", b"\xff" * 200, b"\x30\x80"],
)
def test_a_damaged_list_of_topics_is_none(der: bytes):
    """The app's own name still counts."""
    leaf, key = certificate(topics=der)

    assert loaded(certificate_pem(leaf) + pem_of(key)).public["bundle_ids"] == [BUNDLE]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"p8": "AAAA"}, "no unencrypted private key"),
        ({"p8": pem_of(ec.generate_private_key(ec.SECP384R1()))}, "P-256"),
        ({"p8": pem_of(rsa.generate_private_key(65537, 2048))}, "P-256"),
        ({"p8": 5}, "`p8` is the text"),
        ({"key_id": "abc123defg"}, "`key_id` is the 10"),
        ({"key_id": "SHORT"}, "`key_id` is the 10"),
        ({"team_id": ""}, "`team_id` is the 10"),
        ({"team_id": None}, "`team_id` is the 10"),
        ({"bundle_ids": []}, "`bundle_ids` is a list"),
        ({"bundle_ids": ["x"] * 101}, "`bundle_ids` is a list"),
        ({"bundle_ids": "com.shop.app"}, "`bundle_ids` is a list"),
        ({"bundle_ids": ["com shop"]}, "A bundle id has"),
        ({"environments": ["staging"]}, "`environments` is a list"),
        ({"environments": []}, "`environments` is a list"),
        ({"topic": BUNDLE}, "unknown field `topic`"),
    ],
)
def test_what_is_wrong_with_a_key_is_said(changed: dict[str, Any], words: str):
    """In a sentence that helps, and at once instead of by each push."""
    assert words in refusal(p8(**changed))


@pytest.mark.parametrize("field", ["key_id", "team_id", "bundle_ids"])
def test_what_is_missing_is_said(field: str):
    """Everything that Apple wants to know."""
    form = p8()
    del form[field]

    assert field in refusal(form)


def test_a_key_file_alone_is_not_enough():
    """The most likely mistake: the file as Apple hands it out."""
    assert "key_id" in refusal(p8()["p8"])


def test_what_is_wrong_with_a_certificate_is_said():
    """Each in words that lead to the remedy."""
    leaf, key = certificate()
    other = ec.generate_private_key(ec.SECP256R1())
    pem = certificate_pem(leaf)
    nobody, nobodys_key = certificate(uid=None)
    plain, plain_key = certificate(marks=())

    assert "missing" in refusal(pem)
    assert "does not belong" in refusal(pem + pem_of(other))
    assert "another password" in refusal(pem + pem_of(key, b"secret"))
    assert "another password" in refusal({"certificate": pem + pem_of(key, b"secret"), "password": "wrong"})
    assert "password" in refusal({"pkcs12": _pkcs12(leaf, key, b"secret"), "password": "wrong"})
    assert "password" in refusal({"pkcs12": base64.b64encode(b"no such file").decode()})
    assert "base64" in refusal({"pkcs12": "***"})
    assert "none for pushes" in refusal(certificate_pem(nobody) + pem_of(nobodys_key))
    assert "none for pushes" in refusal(certificate_pem(plain) + pem_of(plain_key))
    assert "damaged" in refusal(pem.replace("M", "N", 3) + pem_of(key))
    assert "unknown field" in refusal({"certificate": pem, "extra": 1})
