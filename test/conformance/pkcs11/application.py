"""An application of PKCS#11 that is not written in Rust: it loads the module as any does, by dlopen and C_GetFunctionList.

    application.py MODULE SCENARIO CONFIG [ARGUMENT...]

Each scenario is a function below. It ends with status 0 when every answer was the one the specification wants.
"""
import ctypes as c
import hashlib
import os
import sys

# Nothing is left beside the programs.
sys.dont_write_bytecode = True
from loader import *

PSS = bytes(c.c_ulong(SHA256)) + bytes(c.c_ulong(2)) + bytes(c.c_ulong(32))


def signatures():
    """Every way to sign: its length first, too little room, the signature, and who accepts it."""
    handle, data = begin(), b"what is signed" * 100
    digest = hashlib.sha256(data).digest()
    info = bytes.fromhex("3031300d060960864801650304020105000420") + digest
    for name, kind, given, parameter in [
        ("p256", ECDSA, digest, b""),
        ("p256", ECDSA_SHA256, data, b""),
        ("p384", 0x1045, data, b""),
        ("p521", 0x1046, data, b""),
        ("p521", ECDSA, hashlib.sha512(data).digest(), b""),
        ("k256", ECDSA_SHA256, data, b""),
        ("rsa", RSA_PKCS, info, b""),
        ("rsa", RSA_SHA256, data, b""),
        ("rsa", PSS_SHA256, data, PSS),
        ("rsa", 0x0D, digest, PSS),
        ("ed25519", EDDSA, data, b""),
        ("ed448", EDDSA, data, b""),
    ]:
        private, public = key(handle, name, PRIVATE), key(handle, name, PUBLIC)
        signature = sign(handle, kind, private, given, parameter)
        is_(OK, verify(handle, kind, public, given, signature, parameter), f"{name} {kind:#x}")
        changed = bytes([signature[0] ^ 1]) + signature[1:]
        is_(SIGNATURE, verify(handle, kind, public, given, changed, parameter), f"{name} {kind:#x} changed")
        is_(SIGNATURE_LENGTH, verify(handle, kind, public, given, signature[:-1], parameter), f"{name} {kind:#x} cut")
        other = bytes([given[-1] ^ 1]) if len(given) == 1 else given[:-1] + bytes([given[-1] ^ 1])
        is_(SIGNATURE, verify(handle, kind, public, other, signature, parameter), f"{name} {kind:#x} of other data")
    good("C_Finalize", NULL)


def pieces():
    """Data in pieces is the data; a key is for its own mechanisms; what cannot be signed is refused and ends the operation."""
    handle, data = begin(), b"in pieces"
    private, public = key(handle, "p256", PRIVATE), key(handle, "p256", PUBLIC)
    buffer, length = c.create_string_buffer(64), c.c_ulong(64)
    good("C_SignInit", handle, c.byref(mechanism(ECDSA_SHA256)), private)
    is_(ACTIVE, call("C_SignInit", handle, c.byref(mechanism(ECDSA_SHA256)), private))
    good("C_SignUpdate", handle, data[:3], 3)
    good("C_SignUpdate", handle, data[3:], len(data) - 3)
    good("C_SignFinal", handle, NULL, c.byref(length))
    good("C_SignFinal", handle, buffer, c.byref(length))
    is_(OK, verify(handle, ECDSA_SHA256, public, data, buffer.raw))
    good("C_VerifyInit", handle, c.byref(mechanism(ECDSA_SHA256)), public)
    good("C_VerifyUpdate", handle, data[:3], 3)
    good("C_VerifyUpdate", handle, data[3:], len(data) - 3)
    good("C_VerifyFinal", handle, buffer, 64)
    is_(KEY_TYPE, call("C_SignInit", handle, c.byref(mechanism(RSA_SHA256)), private))
    is_(KEY_TYPE, call("C_SignInit", handle, c.byref(mechanism(ECDSA)), public))
    is_(MECHANISM, call("C_SignInit", handle, c.byref(mechanism(SHA256)), private))
    is_(MECHANISM, call("C_SignInit", handle, c.byref(mechanism(0x1042)), private))
    is_(PARAMETER, call("C_SignInit", handle, c.byref(mechanism(ECDSA, b"12345678")), private))
    is_(HANDLE, call("C_SignInit", handle, c.byref(mechanism(ECDSA)), 999_999))
    for name, kind, bad, wanted in [("p256", ECDSA, b"20 bytes of a digest", DATA_LENGTH), ("rsa", RSA_PKCS, b"no DigestInfo", 0x68)]:
        good("C_SignInit", handle, c.byref(mechanism(kind)), key(handle, name, PRIVATE))
        large, room = c.create_string_buffer(512), c.c_ulong(512)
        is_(wanted, call("C_Sign", handle, bad, len(bad), large, c.byref(room)), name)
        is_(NOT_BEGUN, call("C_Sign", handle, bad, len(bad), large, c.byref(room)), name)
    good("C_SignInit", handle, c.byref(mechanism(ECDSA)), private)
    is_(ARGUMENTS, call("C_Sign", handle, NULL, 32, buffer, c.byref(length)))
    is_(NOT_BEGUN, call("C_Sign", handle, data, 9, buffer, c.byref(length)))
    good("C_Finalize", NULL)


def attributes():
    """Lengths first, too little room, what is secret, what there is not: each said at its own place."""
    handle = begin()
    private = key(handle, "rsa", PRIVATE)
    small = c.create_string_buffer(4)
    asked = template((CLASS, 0), (LABEL, b"12345678"), (0x123, b"secret"), (PARAMS, b"none"))
    asked[0].value = None
    rv = call("C_GetAttributeValue", handle, private, asked, 4)
    assert rv in (SENSITIVE, NO_ATTRIBUTE), hex(rv)
    is_(8, asked[0].length)
    is_(3, asked[1].length)
    is_(UNAVAILABLE, asked[2].length)
    is_(UNAVAILABLE, asked[3].length)
    assert asked.keep[1].raw[:3] == b"rsa"
    short = (Attribute * 1)(Attribute(MODULUS, c.cast(small, c.c_void_p), 4))
    is_(TOO_SMALL, call("C_GetAttributeValue", handle, private, short, 1))
    is_(UNAVAILABLE, short[0].length)
    is_(ARGUMENTS, call("C_GetAttributeValue", handle, private, NULL, 1))
    is_(OBJECT, call("C_GetAttributeValue", handle, 999_999, asked, 4))
    assert find(handle, (LABEL, b"nobody")) == []
    assert find(handle, (CLASS, 1)) == []
    assert find(handle, (0x162, b"\x01")) == [], "nothing is extractable"
    assert len(find(handle)) >= 15
    assert key(handle, "rsa", PRIVATE) == private, "the same key has the same handle"
    good("C_Finalize", NULL)


def misuse():
    """NULL, handles of nothing and lengths that cannot be: an answer, and never a crash."""
    is_(ARGUMENTS, call("C_Initialize", c.byref(Arguments(create=1, flags=2, reserved=CONFIG))), "half of the mutexes")
    handle = begin()
    is_(0x191, call("C_Initialize", NULL))
    for name in ("C_GetInfo", "C_GetFunctionList", "C_GetInterfaceList"):
        is_(ARGUMENTS, call(name, NULL, NULL), name)
    is_(ARGUMENTS, call("C_GetSlotList", 1, NULL, NULL))
    for name in ("C_GetSlotInfo", "C_GetTokenInfo"):
        is_(ARGUMENTS, call(name, 0, NULL), name)
        is_(3, call(name, 77, c.create_string_buffer(512)), name)
    is_(3, call("C_OpenSession", 77, 4, NULL, NULL, c.byref(c.c_ulong())))
    is_(ARGUMENTS, call("C_OpenSession", 0, 4, NULL, NULL, NULL))
    is_(0xB4, call("C_OpenSession", 0, 0, NULL, NULL, c.byref(c.c_ulong())))
    room, length = c.create_string_buffer(512), c.c_ulong(512)
    sha256 = mechanism(SHA256)
    for bad in (0, handle + 999, UNAVAILABLE):
        for name, *arguments in [
            ("C_CloseSession",),
            ("C_GetSessionInfo", room),
            ("C_Login", 1, b"12345678", 8),
            ("C_Logout",),
            ("C_SessionCancel", 0xFFFF),
            ("C_GetAttributeValue", 1, NULL, 0),
            ("C_FindObjectsInit", NULL, 0),
            ("C_FindObjects", room, 1, c.byref(length)),
            ("C_FindObjectsFinal",),
            ("C_DigestInit", c.byref(sha256)),
            ("C_Digest", b"", 0, room, c.byref(length)),
            ("C_DigestUpdate", b"", 0),
            ("C_DigestFinal", room, c.byref(length)),
            ("C_SignInit", c.byref(sha256), 1),
            ("C_Sign", b"", 0, room, c.byref(length)),
            ("C_SignUpdate", b"", 0),
            ("C_SignFinal", room, c.byref(length)),
            ("C_VerifyInit", c.byref(sha256), 1),
            ("C_Verify", b"", 0, b"", 0),
            ("C_VerifyUpdate", b"", 0),
            ("C_VerifyFinal", b"", 0),
            ("C_SeedRandom", b"1", 1),
            ("C_GenerateRandom", room, 1),
            ("C_GetFunctionStatus",),
            ("C_CancelFunction",),
        ]:
            is_(SESSION, call(name, bad, *arguments), name)
    for name, *arguments in [("C_Digest", b"", 0, room), ("C_DigestUpdate", b"", 0), ("C_DigestFinal", room)]:
        is_(NOT_BEGUN, call(name, handle, *arguments, c.byref(length)), name)
    for name, *arguments in [
        ("C_FindObjectsInit", NULL, 1),
        ("C_FindObjectsInit", NULL, UNAVAILABLE),
        ("C_GenerateRandom", NULL, 1),
        ("C_GenerateRandom", room, UNAVAILABLE),
        ("C_DigestUpdate", NULL, 1),
        ("C_SignUpdate", b"x", UNAVAILABLE),
        ("C_VerifyFinal", NULL, 5),
        ("C_Login", 1, NULL, 5),
    ]:
        is_(ARGUMENTS, call(name, handle, *arguments), name)
    good("C_DigestInit", handle, c.byref(sha256))
    good("C_DigestUpdate", handle, b"abc", 3)
    good("C_DigestFinal", handle, room, c.byref(length))
    assert room.raw[: length.value] == hashlib.sha256(b"abc").digest()
    good("C_GenerateRandom", handle, room, 512)
    assert len(set(room.raw)) > 50
    is_(8, call("C_WaitForSlotEvent", 1, c.byref(length), NULL))
    good("C_CloseSession", handle)
    is_(SESSION, call("C_CloseSession", handle), "a closed session")
    good("C_Finalize", NULL)
    is_(UNINITIALISED, call("C_Finalize", NULL))


def fork():
    """A child has nothing of its parent until it begins itself; the parent goes on as if nothing had been."""
    handle = begin()
    private = key(handle, "p256", PRIVATE)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            is_(UNINITIALISED, call("C_CloseSession", handle))
            own = begin()
            sign(own, ECDSA_SHA256, key(own, "p256", PRIVATE), b"of the child")
            good("C_Finalize", NULL)
            status = 0
        finally:
            os._exit(status)
    sign(handle, ECDSA_SHA256, private, b"of the parent")
    is_(0, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), "the child")
    sign(handle, ECDSA_SHA256, private, b"of the parent, afterwards")
    good("C_Finalize", NULL)


def login():
    """Before login private keys are not there; the PIN is the user's password; login is of the token, for every session."""
    pin = sys.argv[4].encode()
    handle = begin()
    other = session()
    assert find(handle, (CLASS, PRIVATE)) == []
    is_(NOT_LOGGED_IN, call("C_Logout", handle))
    is_(WRONG_PIN, call("C_Login", handle, 1, b"not the password", 16))
    is_(0x103, call("C_Login", handle, 0, pin, len(pin)), "no security officer")
    good("C_Login", handle, 1, pin, len(pin))
    is_(LOGGED_IN, call("C_Login", other, 1, pin, len(pin)))
    private = key(other, "p256", PRIVATE)
    sign(other, ECDSA_SHA256, private, b"logged in")
    good("C_Logout", other)
    is_(HANDLE, call("C_SignInit", handle, c.byref(mechanism(ECDSA_SHA256)), private))
    good("C_Login", handle, 1, pin, len(pin))
    good("C_CloseAllSessions", 0)
    handle = session()
    assert find(handle, (CLASS, PRIVATE)) == [], "with its last session the login ended"
    good("C_Finalize", NULL)


def unreachable():
    """Nobody answers: an error in time, not a hang."""
    handle = begin()
    is_(0x30, call("C_FindObjectsInit", handle, NULL, 0))
    is_(NOT_BEGUN, call("C_FindObjectsFinal", handle))
    good("C_Finalize", NULL)


def approval():
    """What policy holds is refused; asked again after somebody approved it, it is there, once."""
    handle, data, length = begin(), b"pay everything", c.c_ulong(64)
    private, signature = key(handle, "held", PRIVATE), c.create_string_buffer(64)
    ask = lambda: call("C_Sign", handle, data, len(data), signature, c.byref(length))
    for word in ["held", "still held"]:
        good("C_SignInit", handle, c.byref(mechanism(ECDSA_SHA256)), private)
        is_(0x1B, ask(), word)
        is_(NOT_BEGUN, ask(), "a refusal ends the operation")
    print("held", flush=True)
    sys.stdin.readline()
    good("C_SignInit", handle, c.byref(mechanism(ECDSA_SHA256)), private)
    is_(OK, ask())
    verify(handle, ECDSA_SHA256, key(handle, "held", PUBLIC), data, signature.raw[: length.value])
    good("C_SignInit", handle, c.byref(mechanism(ECDSA_SHA256)), private)
    is_(0x1B, ask(), "an approval is for one request")
    good("C_Finalize", NULL)


run(globals())
