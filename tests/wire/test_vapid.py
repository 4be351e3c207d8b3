"""A push service can tell that it is us, and which site is meant."""

import base64
import json
from itertools import count

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from py_vapid import Vapid02

from gateway.model.limits import VAPID_ORIGINS_KEPT_MAX
from gateway.wire.base64url import decode_base64url, encode_base64url
from gateway.wire.vapid import AuthorizationInvalid, VapidKey, VapidSigner, check_subject, verify_authorization

NOW_S = 1_800_000_000.0
HOUR_S = 3600
ORIGIN = "https://fcm.googleapis.com"
SUBJECT = "mailto:push@shop.example"
KEY = VapidKey.generate()


def header_of(claims: object, *, key: VapidKey = KEY, head: object = None, shown: VapidKey | None = None) -> str:
    """A header as a careless or hostile sender would make it."""
    parts = [encode_base64url(json.dumps(part).encode()) for part in (head or {"typ": "JWT", "alg": "ES256"}, claims)]
    r, s = decode_dss_signature(key.private.sign(".".join(parts).encode(), ec.ECDSA(SHA256())))
    token = ".".join([*parts, encode_base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))])
    return f"vapid t={token}, k={(shown or key).public_base64url}"


def claims(**changes: object) -> dict[str, object]:
    return {"aud": ORIGIN, "exp": int(NOW_S) + HOUR_S, "sub": SUBJECT} | changes


def test_another_implementation_verifies_our_header():
    """py_vapid, the library of Mozilla's operators, takes our token for the key that we name, and no other."""
    header = VapidSigner(KEY, SUBJECT).authorization(ORIGIN, NOW_S).replace(", ", ",")  # it knows one spelling only

    assert Vapid02.verify(header)
    assert not Vapid02.verify(header.replace(KEY.public_base64url, VapidKey.generate().public_base64url))


def test_we_verify_the_header_of_another_implementation():
    """What pywebpush and py_vapid sign passes our strict verifier, which the sandbox leans on."""
    theirs = Vapid02(private_key=KEY.private)
    header = theirs.sign(claims())["Authorization"]

    assert verify_authorization(header, audience=ORIGIN, now_s=NOW_S).public == KEY.public


def test_a_header_says_who_for_whom_and_how_long():
    """Audience, contact and 12 hours less a minute."""
    said = verify_authorization(VapidSigner(KEY, SUBJECT).authorization(ORIGIN, NOW_S), audience=ORIGIN, now_s=NOW_S)

    assert (said.aud, said.sub, said.public) == (ORIGIN, SUBJECT, KEY.public)
    assert said.exp == NOW_S + 12 * HOUR_S - 60


def test_a_header_is_kept_for_half_its_life():
    """Signing costs 25 us; the same text serves for 6 hours, then there is a new one."""
    signer = VapidSigner(KEY, SUBJECT)
    first = signer.authorization(ORIGIN, NOW_S)

    assert signer.authorization(ORIGIN, NOW_S + 6 * HOUR_S - 1) is first
    assert signer.authorization(ORIGIN, NOW_S + 6 * HOUR_S) is not first


def test_each_push_service_gets_its_own_header():
    """A token for one origin is worth nothing at another."""
    signer = VapidSigner(KEY, SUBJECT)

    header = signer.authorization("https://web.push.apple.com", NOW_S)

    assert signer.authorization(ORIGIN, NOW_S) != header
    with pytest.raises(AuthorizationInvalid, match="audience"):
        verify_authorization(header, audience=ORIGIN, now_s=NOW_S)


def test_a_clock_that_was_set_back_does_not_leave_a_token_from_the_future():
    """After a jump of 13 hours back the kept token would live more than 24 hours; it is signed anew."""
    signer = VapidSigner(KEY, SUBJECT)
    signer.authorization(ORIGIN, NOW_S)

    header = signer.authorization(ORIGIN, NOW_S - 13 * HOUR_S)

    assert verify_authorization(header, audience=ORIGIN, now_s=NOW_S - 13 * HOUR_S).exp < NOW_S


def test_invented_origins_do_not_fill_the_memory():
    """Whoever makes up hosts below a wildcard pushes out old headers, not the process."""
    signer = VapidSigner(KEY, SUBJECT)
    first = signer.authorization(ORIGIN, NOW_S)
    for number in range(VAPID_ORIGINS_KEPT_MAX - 1):
        signer.authorization(f"https://{number}.notify.windows.com", NOW_S)
    assert signer.authorization(ORIGIN, NOW_S) is first

    signer.authorization("https://one-more.notify.windows.com", NOW_S)

    assert len(signer._kept) == VAPID_ORIGINS_KEPT_MAX
    assert signer.authorization(ORIGIN, NOW_S) is first, "the one just used stays"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (header_of(claims(exp=int(NOW_S))), "expired"),
        (header_of(claims(exp=int(NOW_S) - 1)), "expired"),
        (header_of(claims(exp=int(NOW_S) + 24 * HOUR_S + 1)), "24 hours"),
        (header_of(claims(aud="https://fcm.googleapis.com/")), "audience"),
        (header_of(claims(aud=[ORIGIN])), "claims are wrong"),
        (header_of(claims(sub="mailto:a@localhost")), "subject"),
        (header_of(claims(sub="")), "subject"),
        (header_of({"aud": ORIGIN, "exp": NOW_S + 60}), "sub"),
        (header_of({"aud": ORIGIN, "sub": SUBJECT}), "exp"),
        (header_of(claims(exp="soon")), "claims are wrong"),
        (header_of([1]), "claims are wrong"),
        (header_of(claims(), shown=VapidKey.generate()), "not made with the key"),
        (header_of(claims(), head={"typ": "JWT", "alg": "none"}), "ES256"),
        (header_of(claims(), head={"typ": "JWT", "alg": "HS256"}), "ES256"),
        (header_of(claims(), head={"typ": "JWT", "alg": "ES256", "crit": ["x"]}), "ES256"),
        (header_of(claims()).replace("vapid ", "Bearer "), "vapid scheme"),
        (header_of(claims()).replace(", k=", ", k2="), "exactly t and k"),
        (header_of(claims()) + ", k=AAAA", "exactly t and k"),
        (header_of(claims()).partition(",")[0], "exactly t and k"),
        (header_of(claims()).replace(", k=", "x, k="), "base64url|64 bytes|not made"),
        ("vapid t=a.b, k=AAAA", "three parts|base64url"),
        ("vapid t=a.b.c, k=AAAA", "base64url"),
        ("vapid t=AAAA.AAAA.AAAA, k=AAAA", "JSON"),
        ("vapid " + "t=" * 5000, "vapid scheme"),
        ("", "vapid scheme"),
    ],
    ids=count(),  # keys are made anew for each run: their text would name a test differently in each worker
)
def test_a_strict_push_service_refuses_what_is_wrong(header: str, says: str):
    """Each rule of RFC 8292 that a service may enforce is enforced in rehearsal."""
    with pytest.raises(AuthorizationInvalid, match=says):
        verify_authorization(header, audience=ORIGIN, now_s=NOW_S)


def test_the_parameters_of_a_header_may_come_in_either_order():
    """RFC 8292 names no order."""
    token, _, key = header_of(claims()).removeprefix("vapid ").partition(", ")

    assert verify_authorization(f"vapid {key},{token}", audience=ORIGIN, now_s=NOW_S).sub == SUBJECT


def test_a_key_survives_each_of_its_written_forms():
    """What is exported can be imported again, here and in other tools."""
    assert VapidKey.from_pem(KEY.to_pem()).public == KEY.public
    assert VapidKey.from_base64url(KEY.to_base64url()).public == KEY.public
    theirs = Vapid02.from_pem(KEY.to_pem()).public_key
    assert theirs is not None
    assert theirs.public_numbers() == KEY.private.public_key().public_numbers()
    assert len(decode_base64url(KEY.public_base64url)) == 65


def test_a_key_of_npm_web_push_can_be_brought_along():
    """Scalar and public key in base64url (here those of RFC 8291, appendix A), with padding or line end or without."""
    for text in ("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", " q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94=\n"):
        assert VapidKey.from_base64url(text).public_base64url == (
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
        )


CURVE_ORDER = bytes.fromhex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not 0|has 32"),
        ("AAAA", "has 32 bytes, this one 3"),
        (encode_base64url(bytes(32)), "out of range"),
        (encode_base64url(CURVE_ORDER), "out of range"),
        ("ä" * 43, "base64url"),
        ("+" * 43, "base64url"),
        (KEY.public_base64url, "this one 65"),
    ],
    ids=count(),  # keys are made anew for each run: their text would name a test differently in each worker
)
def test_what_is_no_private_key_is_refused_and_never_quoted(text: str, says: str):
    """The message helps without putting a secret into a log."""
    with pytest.raises(ValueError, match=says) as caught:
        VapidKey.from_base64url(text)

    assert not text or text not in str(caught.value)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        _pem(ec.generate_private_key(ec.SECP384R1())),
        _pem(rsa.generate_private_key(65537, 2048)),
    ],
    ids=["empty", "garbage", "P-384", "RSA"],
)
def test_a_file_with_another_kind_of_key_is_refused(pem: bytes):
    """Only P-256 signs VAPID tokens."""
    with pytest.raises(ValueError, match=r"PEM form|P-256"):
        VapidKey.from_pem(pem)


def test_a_private_key_does_not_show():
    """Printing a key, as a traceback or a log does, shows its public half only."""
    assert KEY.to_base64url() not in repr(KEY)
    assert repr(KEY) == f"VapidKey({KEY.public_base64url})"


@pytest.mark.parametrize(
    "text",
    [
        "mailto:push@shop.example",
        "mailto:first.last+push@mail.shop.nl",
        "mailto:ops@SHOP.nl",
        "https://shop.example",
        "https://shop.example/contact?lang=nl",
    ],
)
def test_a_real_contact_is_taken_as_it_is(text: str):
    """Documentation's .example among them."""
    assert check_subject(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "push@shop.example",
        "mailto:",
        "mailto:push",
        "mailto:@shop.example",
        "mailto:push@",
        "mailto:push@localhost",
        "mailto:push@shop.localhost",
        "mailto:push@shop.local",
        "mailto:push@shop.invalid",
        "mailto:push@shop.test",
        "mailto:push@shop",
        "mailto:push@shop..nl",
        "mailto:push@127.0.0.1",
        "mailto:push@[127.0.0.1]",
        "mailto: push@shop.nl",
        "mailto:<push@shop.nl>",
        "mailto:push@shop.nl>",
        "mailto:push@shop.nl\r\nX: y",
        "mailto:push@shop.nl?subject=x",
        "mailto:a@shop.nl,b@shop.nl",
        "mailto:pütz@shop.nl",
        "http://shop.example",
        "https://",
        "https://localhost",
        "https://localhost/contact",
        "https://shop.invalid/contact",
        "https://user:secret@shop.example",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://shop.example/a b",
        "https://shop.example/<x>",
        "https://shop.example\n",
        "javascript:alert(1)",
        "mailto:push@" + "a" * 60 + "." + "b" * 300 + ".nl",
    ],
)
def test_a_contact_that_a_push_service_would_refuse_is_refused_at_once(text: str):
    """Apple answers 403 to some of these, days after the set-up; here it is an error at set-up."""
    with pytest.raises(ValueError, match="VAPID subject"):
        check_subject(text)


def test_the_header_is_plain_text_for_one_line():
    """Nothing in it could end a header line."""
    header = VapidSigner(KEY, SUBJECT).authorization(ORIGIN, NOW_S)

    assert header.isascii()
    assert header.isprintable()
    assert base64.urlsafe_b64decode(header.partition("t=")[2].partition(".")[0] + "==")
