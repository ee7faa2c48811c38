"""Keys made, changed, moved and destroyed by an application of PKCS#11.

    keys.py MODULE SCENARIO CONFIG [ARGUMENT...]

Long, because each scenario is one story of an application, and they share the templates they are told with.
"""
import ctypes as c
import sys

# Nothing is left beside the programs.
sys.dont_write_bytecode = True
from loader import *

TOKEN, IS_PRIVATE, KEY_TYPE_OF, ID, SENSITIVE_, ENCRYPT, DECRYPT, WRAP, UNWRAP, SIGN, VERIFY, DERIVE = (
    1, 2, 0x100, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107, 0x108, 0x10A, 0x10C)
START, END, BITS, EXPONENT, VALUE_LENGTH, EXTRACTABLE, LOCAL, NEVER, ALWAYS, GENERATED_BY, MODIFIABLE = (
    0x110, 0x111, 0x121, 0x122, 0x161, 0x162, 0x163, 0x164, 0x165, 0x166, 0x170)
UNIQUE_ID, POINT, SET, ALLOWED, SECRET = 4, 0x181, 0x61D, 0x40000600, 4
RSA_GEN, EC_GEN, EDWARDS_GEN, MONTGOMERY_GEN, ML_DSA_GEN, SLH_DSA_GEN, ML_KEM_GEN = 0, 0x1040, 0x1055, 0x1056, 0x1C, 0x2D, 0x0F
AES_GEN, GENERIC_GEN, CHACHA_GEN, XTS_GEN = 0x1080, 0x350, 0x1225, 0x1072
INCOMPLETE, INCONSISTENT, TYPE_INVALID, VALUE_INVALID, READ_ONLY_ATTRIBUTE, READ_ONLY_SESSION, CURVE, PARAMETER_SET = (
    0xD0, 0xD1, 0x12, 0x13, 0x10, 0xB5, 0x140, 0x209)
YES, NO = b"\x01", b"\x00"
P256 = bytes.fromhex("06082a8648ce3d030107")
ED25519, X25519 = bytes.fromhex("06032b6570"), bytes.fromhex("06032b656e")


def printable(name):
    return bytes([0x13, len(name)]) + name.encode()


def pair(handle, kind, public, private, rv=OK):
    """A pair's handles, or what was answered instead. Token objects unless the templates say something else."""
    token = [] if any(a == TOKEN for a, _ in public) else [(TOKEN, YES)]
    made = c.c_ulong(), c.c_ulong()
    public, private = [*public, *token], [*private, *token]
    got = call("C_GenerateKeyPair", handle, c.byref(mechanism(kind)), template(*public), len(public), template(*private), len(private),
               c.byref(made[0]), c.byref(made[1]))
    is_(rv, got, f"C_GenerateKeyPair {kind:#x} {public} {private}")
    return made[0].value, made[1].value


def secret(handle, kind, wanted, rv=OK):
    wanted = wanted if any(a == TOKEN for a, _ in wanted) else [*wanted, (TOKEN, YES)]
    made = c.c_ulong()
    got = call("C_GenerateKey", handle, c.byref(mechanism(kind)), template(*wanted), len(wanted), c.byref(made))
    is_(rv, got, f"C_GenerateKey {kind:#x} {wanted}")
    return made.value


def read(handle, key, kind, rv=OK):
    asked = Attribute(kind, NULL, 0)
    got = call("C_GetAttributeValue", handle, key, c.byref(asked), 1)
    is_(rv, got, f"the length of attribute {kind:#x}")
    if rv != OK:
        return None
    room = c.create_string_buffer(max(asked.length, 1))
    asked.value = c.cast(room, c.c_void_p)
    good("C_GetAttributeValue", handle, key, c.byref(asked), 1)
    return room.raw[: asked.length]


def number(handle, key, kind):
    return int.from_bytes(read(handle, key, kind), sys.byteorder)


PAIRS = [
    (RSA_GEN, [(BITS, 2048), (EXPONENT, b"\x01\x00\x01")]),
    (RSA_GEN, [(BITS, 3072), (EXPONENT, b"\x00\x01\x00\x01")]),
    (EC_GEN, [(PARAMS, P256)]),
    (EC_GEN, [(PARAMS, printable("secp384r1"))]),
    (EC_GEN, [(PARAMS, bytes.fromhex("06052b81040023"))]),
    (EC_GEN, [(PARAMS, printable("secp256k1"))]),
    (EDWARDS_GEN, [(PARAMS, ED25519)]),
    (EDWARDS_GEN, [(PARAMS, printable("edwards448"))]),
    (MONTGOMERY_GEN, [(PARAMS, X25519)]),
    (MONTGOMERY_GEN, [(PARAMS, printable("curve448"))]),
    (ML_DSA_GEN, [(SET, 2)]),
    (SLH_DSA_GEN, [(SET, 3)]),
    (ML_KEM_GEN, [(SET, 2)]),
]
SECRETS = [
    (AES_GEN, 16, []), (AES_GEN, 24, []), (AES_GEN, 32, []),
    (AES_GEN, 32, [(WRAP, YES), (UNWRAP, YES)]),
    (AES_GEN, 32, [(SIGN, YES)]),
    (GENERIC_GEN, 32, [(DERIVE, YES)]),
    (GENERIC_GEN, 32, [(SIGN, YES), (VERIFY, YES)]),
    (GENERIC_GEN, 64, [(SIGN, YES)]),
    (CHACHA_GEN, 32, []), (XTS_GEN, 64, []),
]


def generate():
    """Every kind of key: made by its mechanism, found again by its id and its label, with the attributes it was given."""
    handle = begin()
    for index, (kind, public) in enumerate(PAIRS):
        named = [(ID, b"\xff\x00pair" + bytes([index])), (LABEL, f"pair {index}".encode())]
        open_half, private = pair(handle, kind, [*public, *named], [*named])
        for half, which in ((open_half, PUBLIC), (private, PRIVATE)):
            assert find(handle, named[0], (CLASS, which)) == [half], f"{kind:#x}"
            assert half in find(handle, named[1])
            is_(kind, number(handle, half, GENERATED_BY), "CKA_KEY_GEN_MECHANISM")
            assert read(handle, half, LOCAL) == YES and read(handle, half, TOKEN) == YES
        assert read(handle, private, SENSITIVE_) == read(handle, private, ALWAYS) == read(handle, private, NEVER) == YES
        assert read(handle, private, EXTRACTABLE) == NO
        for attribute, value in public:
            if attribute in (BITS, SET):
                is_(value, number(handle, open_half, attribute), "what the template said")
        assert read(handle, open_half, UNIQUE_ID) != read(handle, private, UNIQUE_ID)
    for index, (kind, length, wanted) in enumerate(SECRETS):
        named = [(ID, b"secret" + bytes([index])), (LABEL, f"secret {index}".encode())]
        made = secret(handle, kind, [(VALUE_LENGTH, length), *wanted, *named])
        assert find(handle, named[0]) == [made]
        is_(length, number(handle, made, VALUE_LENGTH), f"{kind:#x} {length}")
        is_(kind, number(handle, made, GENERATED_BY), f"{kind:#x} CKA_KEY_GEN_MECHANISM")
        for attribute, value in wanted:
            assert read(handle, made, attribute) == value, f"{attribute:#x}"
    good("C_Finalize", NULL)


def usages():
    """What a key is for: what was asked, with its other half unless that was refused, and never what its kind cannot do."""
    handle = begin()
    curve = [(PARAMS, P256)]
    both = pair(handle, EC_GEN, [*curve, (VERIFY, YES), (DERIVE, YES)], [(SIGN, YES), (DERIVE, YES)])
    assert read(handle, both[1], SIGN) == YES and read(handle, both[1], DERIVE) == NO
    derives = pair(handle, EC_GEN, curve, [(DERIVE, YES)])[1]
    assert read(handle, derives, SIGN) == NO and read(handle, derives, DERIVE) == YES
    agrees = pair(handle, MONTGOMERY_GEN, [(PARAMS, X25519), (VERIFY, YES)], [(SIGN, YES), (DERIVE, YES)])[1]
    assert read(handle, agrees, SIGN) == NO and read(handle, agrees, DERIVE) == YES
    signs = pair(handle, RSA_GEN, [(BITS, 2048)], [(SIGN, YES), (DECRYPT, NO)])
    assert read(handle, signs[0], VERIFY) == YES and read(handle, signs[0], ENCRYPT) == NO and read(handle, signs[1], DECRYPT) == NO
    wraps = pair(handle, RSA_GEN, [(BITS, 2048), (WRAP, YES)], [(UNWRAP, YES)])
    assert read(handle, wraps[0], WRAP) == YES and read(handle, wraps[0], ENCRYPT) == NO
    everything = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), *((usage, YES) for usage in (ENCRYPT, DECRYPT, WRAP, UNWRAP))])
    assert read(handle, everything, ENCRYPT) == YES and read(handle, everything, WRAP) == NO == read(handle, everything, UNWRAP)
    assert read(handle, secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (ENCRYPT, YES)]), DECRYPT) == YES
    for extractable, sensitive, shown in [(NO, NO, (NO, YES)), (YES, YES, (YES, YES)), (YES, NO, (YES, NO))]:
        made = secret(handle, AES_GEN, [(VALUE_LENGTH, 16), (EXTRACTABLE, extractable), (SENSITIVE_, sensitive)])
        assert (read(handle, made, EXTRACTABLE), read(handle, made, SENSITIVE_)) == shown
    good("C_Finalize", NULL)


def templates():
    """What is wrong with a template has an answer of its own, and nothing is made."""
    handle = begin()
    before = sorted(find(handle))
    rsa, curve = [(BITS, 2048)], [(PARAMS, P256)]
    for kind, public, private, rv in [
        (RSA_GEN, [], [], INCOMPLETE),
        (EC_GEN, [], [], INCOMPLETE),
        (ML_DSA_GEN, [], [], INCOMPLETE),
        (RSA_GEN, [(BITS, 1024)], [], VALUE_INVALID),
        (RSA_GEN, [(BITS, b"\x00\x08")], [], VALUE_INVALID),
        (RSA_GEN, [*rsa, (EXPONENT, b"\x03")], [], VALUE_INVALID),
        (EC_GEN, [(PARAMS, printable("brainpoolP256r1"))], [], CURVE),
        (EC_GEN, [(PARAMS, ED25519)], [], INCONSISTENT),
        (ML_DSA_GEN, [(SET, 9)], [], PARAMETER_SET),
        (EC_GEN, [*curve, (BITS, 256)], [], INCONSISTENT),
        (EC_GEN, curve, [(PARAMS, P256)], INCONSISTENT),
        (EC_GEN, curve, [(0x80001234, b"vendor")], TYPE_INVALID),
        (EC_GEN, curve, [(LOCAL, YES)], READ_ONLY_ATTRIBUTE),
        (EC_GEN, curve, [(NEVER, YES)], READ_ONLY_ATTRIBUTE),
        (EC_GEN, curve, [(CLASS, PUBLIC)], INCONSISTENT),
        (EC_GEN, curve, [(KEY_TYPE_OF, 0)], INCONSISTENT),
        (EC_GEN, curve, [(SIGN, b"\x02")], VALUE_INVALID),
        (EC_GEN, curve, [(DECRYPT, YES)], INCONSISTENT),
        (EC_GEN, [*curve, (ID, b"a")], [(ID, b"b")], INCONSISTENT),
        (EC_GEN, [*curve, (LABEL, b"a")], [(LABEL, b"b")], INCONSISTENT),
        (EC_GEN, [*curve, (TOKEN, NO)], [(TOKEN, YES)], INCONSISTENT),
        (EC_GEN, [*curve, (IS_PRIVATE, YES)], [], INCONSISTENT),
        (EC_GEN, curve, [(SIGN, YES), (SIGN, NO)], INCONSISTENT),
        (EC_GEN, curve, [(END, b"20200101")], VALUE_INVALID),
        (EC_GEN, curve, [(END, b"20300231")], VALUE_INVALID),
        (EC_GEN, curve, [(END, b"2030")], VALUE_INVALID),
        (EC_GEN, curve, [(0x109, YES)], VALUE_INVALID),
        (EC_GEN, curve, [(0x101, bytes(1025))], VALUE_INVALID),
        (EC_GEN, curve, [(ALLOWED, bytes(c.c_ulong(RSA_PKCS)))], VALUE_INVALID),
        (EC_GEN, curve, [(ALLOWED, b"")], VALUE_INVALID),
        (AES_GEN, curve, [], MECHANISM),
        (0x0A, rsa, [], MECHANISM),
    ]:
        pair(handle, kind, public, private, rv)
    for kind, wanted, rv in [
        (AES_GEN, [], INCOMPLETE),
        (AES_GEN, [(VALUE_LENGTH, 15)], VALUE_INVALID),
        (AES_GEN, [(VALUE_LENGTH, 16), (VALUE, b"0123456789abcdef")], INCONSISTENT),
        (AES_GEN, [(VALUE_LENGTH, 16), (MODULUS, b"x")], INCONSISTENT),
        (RSA_GEN, [(VALUE_LENGTH, 16)], MECHANISM),
    ]:
        secret(handle, kind, wanted, rv)
    made = c.c_ulong()
    is_(ARGUMENTS, call("C_GenerateKey", handle, NULL, NULL, 0, c.byref(made)), "no mechanism")
    is_(ARGUMENTS, call("C_GenerateKey", handle, c.byref(mechanism(AES_GEN)), NULL, 0, NULL), "no place for the handle")
    is_(ARGUMENTS, call("C_GenerateKeyPair", handle, c.byref(mechanism(EC_GEN)), NULL, 0, NULL, 0, c.byref(made), NULL))
    read_only = c.c_ulong()
    good("C_OpenSession", 0, 4, NULL, NULL, c.byref(read_only))
    pair(read_only.value, EC_GEN, curve, [], READ_ONLY_SESSION)
    assert sorted(find(handle)) == before, "something was made"
    good("C_Finalize", NULL)


def create(handle, wanted, rv=OK):
    made = c.c_ulong()
    is_(rv, call("C_CreateObject", handle, template(*wanted), len(wanted), c.byref(made)), f"C_CreateObject {wanted}")
    return made.value


def change(handle, key, *pairs, rv=OK):
    is_(rv, call("C_SetAttributeValue", handle, key, template(*pairs), len(pairs)), f"C_SetAttributeValue {pairs}")


def destroy(handle, key, rv=OK):
    is_(rv, call("C_DestroyObject", handle, key), "C_DestroyObject")


ON_P256 = [(PARAMS, P256)]


def sessions():
    """Session objects: of this process alone, found in all its sessions, and gone with the one that made them."""
    handle, other = begin(), session()
    named = (LABEL, b"of the session")
    public, private = pair(handle, EC_GEN, [*ON_P256, (TOKEN, NO), named], [(TOKEN, NO), named])
    made = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (TOKEN, NO), named])
    for each in (handle, other):
        assert sorted(find(each, named)) == sorted([public, private, made])
        assert find(each, named, (TOKEN, NO), (CLASS, SECRET)) == [made]
        assert find(each, named, (TOKEN, YES)) == []
    assert read(handle, private, TOKEN) == NO and read(handle, private, SENSITIVE_) == YES
    signature = sign(other, ECDSA_SHA256, private, b"by a key of the session")
    is_(OK, verify(other, ECDSA_SHA256, public, b"by a key of the session", signature))
    read_only = c.c_ulong()
    good("C_OpenSession", 0, 4, NULL, NULL, c.byref(read_only))
    local = secret(read_only.value, AES_GEN, [(VALUE_LENGTH, 16), (TOKEN, NO)])
    change(read_only.value, local, (LABEL, b"renamed"))
    destroy(read_only.value, local)
    destroy(read_only.value, local, rv=OBJECT)
    destroy(handle, private)
    is_(OK, verify(other, ECDSA_SHA256, public, b"by a key of the session", signature), "the public half goes on")
    is_(OBJECT, call("C_GetAttributeValue", handle, private, NULL, 0))
    good("C_CloseSession", handle)
    assert find(other, named) == []
    is_(OBJECT, call("C_GetAttributeValue", other, made, NULL, 0))
    kept = secret(other, AES_GEN, [(VALUE_LENGTH, 32), (TOKEN, NO)])
    good("C_CloseAllSessions", 0)
    assert kept not in find(session())
    good("C_Finalize", NULL)


def imports():
    """Keys made elsewhere come in whole or not at all; public ones alone stay in the session that made them."""
    handle = begin()
    aes = [(CLASS, SECRET), (KEY_TYPE_OF, 0x1F), (TOKEN, YES)]
    made = create(handle, [*aes, (VALUE, bytes(range(32))), (LABEL, b"imported")])
    assert read(handle, made, LOCAL) == read(handle, made, ALWAYS) == read(handle, made, NEVER) == NO
    is_(UNAVAILABLE, number(handle, made, GENERATED_BY), "CKA_KEY_GEN_MECHANISM")
    is_(32, number(handle, made, VALUE_LENGTH))
    is_(SENSITIVE, call("C_GetAttributeValue", handle, made, template((VALUE, b"")), 1))
    plain = create(handle, [*aes[:2], (TOKEN, NO), (VALUE, bytes(range(16))), (SENSITIVE_, NO), (EXTRACTABLE, YES)])
    assert read(handle, plain, VALUE) == bytes(range(16))
    change(handle, plain, (SENSITIVE_, YES))
    is_(SENSITIVE, call("C_GetAttributeValue", handle, plain, template((VALUE, b"")), 1))
    # The example of RFC 6979 A.2.5: its scalar, and its public key.
    scalar = bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721")
    point = bytes.fromhex("0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
                          "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")
    private = [(CLASS, PRIVATE), (KEY_TYPE_OF, 3), (PARAMS, P256), (VALUE, scalar), (TOKEN, NO)]
    signer = create(handle, private)
    public = [(CLASS, PUBLIC), (KEY_TYPE_OF, 3), (PARAMS, P256), (POINT, b"\x04\x41" + point)]
    verifier = create(handle, public)
    assert read(handle, verifier, POINT) == b"\x04\x41" + point and read(handle, verifier, TOKEN) == NO
    assert verifier in find(handle, (CLASS, PUBLIC), (TOKEN, NO))
    is_(OK, verify(handle, ECDSA_SHA256, verifier, b"data", sign(handle, ECDSA_SHA256, signer, b"data")))
    readable = create(handle, [*private, (SENSITIVE_, NO), (EXTRACTABLE, YES)])
    assert read(handle, readable, VALUE) == scalar
    change(handle, verifier, (LABEL, b"somebody's"))
    assert find(handle, (LABEL, b"somebody's")) == [verifier]
    size = c.c_ulong()
    for each in (made, signer, verifier):
        good("C_GetObjectSize", handle, each, c.byref(size))
        assert 16 < size.value < 4096
    before = sorted(find(handle))
    for wanted, rv in [
        ([(KEY_TYPE_OF, 0x1F), (VALUE, bytes(16))], INCOMPLETE),
        ([(CLASS, SECRET), (VALUE, bytes(16))], INCOMPLETE),
        (aes, INCOMPLETE),
        ([*aes, (VALUE, bytes(17))], VALUE_INVALID),
        ([*aes, (VALUE, bytes(16)), (VALUE_LENGTH, 16)], INCONSISTENT),
        ([*aes, (VALUE, bytes(16)), (LOCAL, YES)], READ_ONLY_ATTRIBUTE),
        ([(CLASS, SECRET), (KEY_TYPE_OF, 0x15), (VALUE, bytes(24))], INCONSISTENT),
        ([*private[:3], (TOKEN, NO)], INCOMPLETE),
        ([*private[:3], (VALUE, bytes(32)), (TOKEN, NO)], INCONSISTENT),
        ([*private[:3], (VALUE, bytes(33)), (TOKEN, NO)], INCONSISTENT),
        ([(CLASS, PRIVATE), (KEY_TYPE_OF, 0), (MODULUS, b"\xc0" + bytes(255))], INCOMPLETE),
        ([*public, (TOKEN, YES)], VALUE_INVALID),
        ([*public, (IS_PRIVATE, YES)], VALUE_INVALID),
        ([*public[:3], (POINT, b"\x04\x41" + point[:-1] + b"\x00")], VALUE_INVALID),
        ([*public[:3], (POINT, b"")], VALUE_INVALID),
        ([*public[:3]], INCOMPLETE),
    ]:
        create(handle, wanted, rv)
    assert sorted(find(handle)) == before, "something was made"
    good("C_Finalize", NULL)


def changes():
    """What may be changed is, at once and for every session; the rest is refused, and a destroyed key is not there."""
    handle, other = begin(), session()
    public, private = pair(handle, RSA_GEN, [(BITS, 2048), (ID, b"to change")], [(ID, b"to change"), (EXTRACTABLE, YES)])
    change(handle, private, (LABEL, b"new"), (ID, b"newer"))
    for half in (public, private):
        assert read(other, half, LABEL) == b"new" and read(other, half, ID) == b"newer"
    assert sorted(find(other, (ID, b"newer"))) == sorted([public, private]) and find(other, (ID, b"to change")) == []
    change(handle, private, (DECRYPT, NO))
    assert read(other, private, DECRYPT) == NO and read(other, private, SIGN) == YES
    change(handle, private, (EXTRACTABLE, NO))
    for pairs, rv in [
        ([(DECRYPT, YES)], READ_ONLY_ATTRIBUTE),
        ([(UNWRAP, YES)], READ_ONLY_ATTRIBUTE),
        ([(EXTRACTABLE, YES)], READ_ONLY_ATTRIBUTE),
        ([(SENSITIVE_, NO)], READ_ONLY_ATTRIBUTE),
        ([(CLASS, SECRET)], READ_ONLY_ATTRIBUTE),
        ([(KEY_TYPE_OF, 3)], READ_ONLY_ATTRIBUTE),
        ([(TOKEN, NO)], READ_ONLY_ATTRIBUTE),
        ([(LOCAL, NO)], READ_ONLY_ATTRIBUTE),
        ([(NEVER, YES)], READ_ONLY_ATTRIBUTE),
        ([(UNIQUE_ID, b"x")], READ_ONLY_ATTRIBUTE),
        ([(MODULUS, b"x")], READ_ONLY_ATTRIBUTE),
        ([(0x80001234, b"x")], TYPE_INVALID),
        ([(SIGN, b"")], VALUE_INVALID),
        ([(LABEL, b"not written"), (SENSITIVE_, NO)], READ_ONLY_ATTRIBUTE),
    ]:
        change(handle, private, *pairs, rv=rv)
    assert read(other, private, LABEL) == b"new"
    fixed = secret(handle, AES_GEN, [(VALUE_LENGTH, 16), (MODIFIABLE, NO)])
    assert read(handle, fixed, MODIFIABLE) == NO
    change(handle, fixed, (LABEL, b"x"), rv=0x1B)
    read_only = c.c_ulong()
    good("C_OpenSession", 0, 4, NULL, NULL, c.byref(read_only))
    change(read_only.value, private, (LABEL, b"x"), rv=READ_ONLY_SESSION)
    destroy(read_only.value, private, rv=READ_ONLY_SESSION)
    destroy(handle, public, rv=0x1B)
    destroy(handle, private)
    for half in (public, private):
        is_(OBJECT, call("C_GetAttributeValue", other, half, NULL, 0))
    assert find(other, (ID, b"newer")) == []
    destroy(handle, private, rv=OBJECT)
    good("C_Finalize", NULL)


KW, KWP, OAEP, RSA_AES, ECDH, HKDF, COUNTER_KDF, ML_KEM, CBC = 0x2109, 0x210B, 9, 0x1054, 0x1050, 0x402A, 0x3AC, 0x17, 0x1082
WRAPPING_KEY_SIZE = 0x114  # CKR_WRAPPING_KEY_SIZE_RANGE
UNEXTRACTABLE, NOT_PERMITTED, WRAPPED_INVALID, PROHIBITED, ENCAPSULATE, DECAPSULATE = 0x6A, 0x68, 0x110, 0x1B, 0x633, 0x634
WRAP_WITH_TRUSTED, TRUSTED, COPYABLE, DESTROYABLE = 0x210, 0x86, 0x171, 0x172


class Oaep(c.Structure):
    _fields_ = [("hash", c.c_ulong), ("mgf", c.c_ulong), ("source", c.c_ulong), ("data", c.c_void_p), ("length", c.c_ulong)]


class RsaAes(c.Structure):
    _fields_ = [("bits", c.c_ulong), ("oaep", c.c_void_p)]


class Ecdh(c.Structure):
    _fields_ = [("kdf", c.c_ulong), ("shared_length", c.c_ulong), ("shared", c.c_void_p), ("public_length", c.c_ulong), ("public", c.c_void_p)]


class Hkdf(c.Structure):
    _fields_ = [("extract", c.c_ubyte), ("expand", c.c_ubyte), ("hash", c.c_ulong), ("salt_type", c.c_ulong), ("salt", c.c_void_p),
                ("salt_length", c.c_ulong), ("salt_key", c.c_ulong), ("info", c.c_void_p), ("info_length", c.c_ulong)]


class Piece(c.Structure):
    _fields_ = [("type", c.c_ulong), ("value", c.c_void_p), ("length", c.c_ulong)]


class CounterKdf(c.Structure):
    _fields_ = [("prf", c.c_ulong), ("count", c.c_ulong), ("pieces", c.c_void_p), ("more", c.c_ulong), ("keys", c.c_void_p)]


class FeedbackKdf(c.Structure):
    _fields_ = [("prf", c.c_ulong), ("count", c.c_ulong), ("pieces", c.c_void_p), ("iv_length", c.c_ulong), ("iv", c.c_void_p),
                ("more", c.c_ulong), ("keys", c.c_void_p)]


class CounterFormat(c.Structure):
    _fields_ = [("little", c.c_ubyte), ("bits", c.c_ulong)]


class LengthFormat(c.Structure):
    _fields_ = [("method", c.c_ulong), ("little", c.c_ubyte), ("bits", c.c_ulong)]


def given(kind, parameter, *kept):
    """A mechanism with a structure, and whatever the structure points to."""
    made = mechanism(kind, bytes(parameter))
    made.kept = (parameter, *kept)
    return made


def oaep(kind=OAEP, bits=256, label=b""):
    own = Oaep(SHA256, 2, 1, c.cast(c.c_char_p(label), c.c_void_p) if label else None, len(label))
    if kind == OAEP:
        return given(kind, own, label)
    return given(kind, RsaAes(bits, c.cast(c.pointer(own), c.c_void_p)), own)


def wrap(handle, how, wrapping, key, rv=OK):
    how = mechanism(how) if isinstance(how, int) else how
    length = c.c_ulong()
    got = call("C_WrapKey", handle, c.byref(how), wrapping, key, NULL, c.byref(length))
    if got != OK:
        is_(rv, got, "the length of a wrapped key")
        return None
    room = c.create_string_buffer(length.value)
    if rv == OK:
        short = c.c_ulong(8)
        is_(TOO_SMALL, call("C_WrapKey", handle, c.byref(how), wrapping, key, room, c.byref(short)))
        assert 8 < short.value <= length.value
    is_(rv, call("C_WrapKey", handle, c.byref(how), wrapping, key, room, c.byref(length)), "C_WrapKey")
    return room.raw[: length.value]


def unwrap(handle, how, key, wrapped, wanted, rv=OK):
    how, made = mechanism(how) if isinstance(how, int) else how, c.c_ulong()
    got = call("C_UnwrapKey", handle, c.byref(how), key, wrapped, len(wrapped), template(*wanted), len(wanted), c.byref(made))
    is_(rv, got, f"C_UnwrapKey {wanted}")
    return made.value


def derive(handle, how, base, wanted, rv=OK):
    made = c.c_ulong()
    is_(rv, call("C_DeriveKey", handle, c.byref(how), base, template(*wanted), len(wanted), c.byref(made)), f"C_DeriveKey {wanted}")
    return made.value


AES_ = [(CLASS, SECRET), (KEY_TYPE_OF, 0x1F), (TOKEN, NO)]
GENERIC = [(CLASS, SECRET), (KEY_TYPE_OF, 0x10), (TOKEN, NO)]
READABLE = [(SENSITIVE_, NO), (EXTRACTABLE, YES)]


def copies():
    """A copy is another key of the same material, and never weaker."""
    handle = begin()
    made = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (TOKEN, NO), (LABEL, b"first"), (EXTRACTABLE, YES)])
    copy, copied = c.c_ulong(), lambda key, *pairs: call("C_CopyObject", handle, key, template(*pairs), len(pairs), c.byref(copy))
    is_(OK, copied(made, (TOKEN, YES), (LABEL, b"second"), (EXTRACTABLE, NO)))
    assert copy.value != made and read(handle, copy.value, LABEL) == b"second" and read(handle, copy.value, TOKEN) == YES
    assert read(handle, copy.value, EXTRACTABLE) == NO and read(handle, made, EXTRACTABLE) == YES
    stored = copy.value
    for pairs, rv in [
        ([(EXTRACTABLE, YES)], INCONSISTENT),
        ([(SENSITIVE_, NO)], INCONSISTENT),
        ([(WRAP, YES)], INCONSISTENT),
        ([(VALUE_LENGTH, 16)], INCONSISTENT),
        ([(LOCAL, YES)], READ_ONLY_ATTRIBUTE),
    ]:
        is_(rv, copied(stored, *pairs), f"C_CopyObject {pairs}")
    fixed = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (COPYABLE, NO), (DESTROYABLE, NO), (TOKEN, NO)])
    assert read(handle, fixed, COPYABLE) == read(handle, fixed, DESTROYABLE) == NO
    is_(PROHIBITED, copied(fixed, (LABEL, b"copy")))
    is_(PROHIBITED, call("C_DestroyObject", handle, fixed))
    public, private = pair(handle, EC_GEN, [*ON_P256, (TOKEN, NO)], [(TOKEN, NO)])
    is_(OK, copied(private, (TOKEN, YES), (ID, b"of the copy")))
    signature = sign(handle, ECDSA_SHA256, copy.value, b"by the copy")
    is_(OK, verify(handle, ECDSA_SHA256, public, b"by the copy", signature))
    assert len(find(handle, (ID, b"of the copy"))) == 2
    is_(OK, copied(public, (LABEL, b"somebody")))
    assert find(handle, (LABEL, b"somebody")) == [copy.value]
    is_(PROHIBITED, copied(public, (TOKEN, YES)))
    good("C_Finalize", NULL)


def wrapping():
    """Keys under keys, there and back: by every mechanism, secret and private ones, and what cannot leave does not."""
    handle = begin()
    aes = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (WRAP, YES), (UNWRAP, YES), (TOKEN, NO)])
    rsa = pair(handle, RSA_GEN, [(BITS, 2048), (WRAP, YES), (TOKEN, NO)], [(UNWRAP, YES), (TOKEN, NO)])
    leaving = create(handle, [*AES_, *READABLE, (VALUE, bytes(range(32)))])
    signer = pair(handle, EC_GEN, [*ON_P256, (TOKEN, NO)], [(TOKEN, NO), (EXTRACTABLE, YES)])
    back = [*AES_, *READABLE]
    for how, under in [(KW, (aes, aes)), (KWP, (aes, aes)), (oaep(), rsa), (oaep(RSA_AES), rsa)]:
        wrapped = wrap(handle, how, under[0], leaving)
        again = unwrap(handle, how, under[1], wrapped, back)
        assert read(handle, again, VALUE) == bytes(range(32)), how
        assert read(handle, again, LOCAL) == NO
        changed = wrapped[:-1] + bytes([wrapped[-1] ^ 1])
        unwrap(handle, how, under[1], changed, back, WRAPPED_INVALID)
    for how, under in [(KWP, (aes, aes)), (oaep(RSA_AES), rsa)]:
        wrapped = wrap(handle, how, under[0], signer[1])
        again = unwrap(handle, how, under[1], wrapped, [(CLASS, PRIVATE), (KEY_TYPE_OF, 3), (TOKEN, NO), (SIGN, YES), (EXTRACTABLE, YES)])
        is_(OK, verify(handle, ECDSA_SHA256, signer[0], b"again", sign(handle, ECDSA_SHA256, again, b"again")))
    numbers = [(MODULUS, read(handle, rsa[0], MODULUS)), (EXPONENT, b"\x01\x00\x01")]
    stranger = create(handle, [(CLASS, PUBLIC), (KEY_TYPE_OF, 0), (WRAP, YES), *numbers])
    wrapped = wrap(handle, oaep(), stranger, leaving)
    assert read(handle, unwrap(handle, oaep(), rsa[1], wrapped, [*back, (VALUE_LENGTH, 32)]), VALUE) == bytes(range(32))
    stays = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (TOKEN, NO)])
    wrap(handle, KWP, aes, stays, UNEXTRACTABLE)
    wrap(handle, KWP, stays, leaving, NOT_PERMITTED)
    wrap(handle, KWP, rsa[0], leaving, 0x115)
    wrap(handle, oaep(label=b"a label"), rsa[0], leaving, PARAMETER)
    wrap(handle, oaep(RSA_AES, 128), rsa[0], leaving, PARAMETER)
    wrap(handle, CBC, aes, leaving, MECHANISM)
    wrap(handle, KWP, 999_999, leaving, 0x113)
    wrap(handle, KWP, aes, 999_999, HANDLE)
    wrap(handle, KWP, aes, rsa[0], 0x69)
    wrapped = wrap(handle, KWP, aes, leaving)
    for bad, rv in [([*back[1:]], INCOMPLETE), ([back[0], *back[2:]], INCOMPLETE), ([*back, (VALUE, b"x")], INCONSISTENT)]:
        unwrap(handle, KWP, aes, wrapped, bad, rv)
    unwrap(handle, KWP, stays, wrapped, back, NOT_PERMITTED)
    unwrap(handle, KWP, 999_999, wrapped, back, 0xF0)
    unwrap(handle, KWP, aes, b"", back, 0x112)
    good("C_Finalize", NULL)


def subjects():
    """A key is somebody's, as applications say it: written, changed, shown by both halves and found."""
    handle, subject_ = begin(), 0x101
    name = lambda text: bytes([0x30, len(text) + 11, 0x31, len(text) + 9, 0x30, len(text) + 7, 6, 3, 0x55, 4, 3, 0x0C, len(text)]) + text
    alice, bob = name(b"alice"), name(b"bob")
    public, private = pair(handle, EC_GEN, [(PARAMS, P256), (TOKEN, YES)], [(TOKEN, YES), (subject_, alice), (LABEL, b"hers")])
    assert read(handle, public, subject_) == read(handle, private, subject_) == alice
    assert sorted(find(handle, (subject_, alice))) == sorted((public, private))
    assert find(handle, (subject_, alice), (CLASS, PRIVATE)) == [private] and find(handle, (subject_, bob)) == []
    change(handle, private, (subject_, bob))
    assert read(handle, public, subject_) == bob and find(handle, (subject_, alice)) == []
    other = session()
    assert sorted(find(other, (subject_, bob), (TOKEN, YES))) == sorted((public, private))
    change(handle, private, (subject_, bytes(1025)), rv=VALUE_INVALID)
    assert find(handle, (subject_, bytes(1025))) == []
    change(handle, private, (subject_, b""))
    assert read(handle, private, subject_) == b"" and find(handle, (subject_, bob)) == []
    pair(handle, EC_GEN, [(PARAMS, P256), (subject_, alice)], [(subject_, bob)], INCONSISTENT)
    secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (subject_, alice)], INCONSISTENT)
    point = read(handle, public, POINT)
    alone = create(handle, [(CLASS, PUBLIC), (KEY_TYPE_OF, 3), (PARAMS, P256), (POINT, point), (subject_, alice)])
    assert find(handle, (subject_, alice)) == [alone] and read(handle, alone, subject_) == alice
    good("C_Finalize", NULL)


class GcmMessage(c.Structure):
    _fields_ = [("iv", c.c_void_p), ("iv_length", c.c_ulong), ("fixed", c.c_ulong), ("generator", c.c_ulong), ("tag", c.c_void_p), ("bits", c.c_ulong)]


def authenticated():
    """Keys under AES-GCM with associated data: the vault draws the nonce, and the nonce, the tag and the key come apart."""
    handle, gcm, generate = begin(), 0x1087, 1
    kek = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (TOKEN, NO), (WRAP, YES), (UNWRAP, YES)])
    leaving = create(handle, [*AES_, (VALUE, bytes(range(32))), (EXTRACTABLE, YES), (SENSITIVE_, NO)])
    staying = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (TOKEN, NO)])

    def parameter(nonce=bytes(12), tag=bytes(16), source=generate, fixed=0, bits=128):
        kept = c.create_string_buffer(nonce, len(nonce) or 1), c.create_string_buffer(tag, len(tag))
        made = GcmMessage(c.cast(kept[0], c.c_void_p), len(nonce), fixed, source, c.cast(kept[1], c.c_void_p), bits)
        return given(gcm, made, *kept), kept

    def wrapped(how, key, aad, rv=OK, wrapping=kek):
        length = c.c_ulong()
        got = call("C_WrapKeyAuthenticated", handle, c.byref(how), wrapping, key, aad, len(aad), NULL, c.byref(length))
        if got != OK:
            return is_(rv, got, "the length of a wrapped key")
        room, short = c.create_string_buffer(length.value), c.c_ulong(8)
        if rv == OK:
            is_(TOO_SMALL, call("C_WrapKeyAuthenticated", handle, c.byref(how), wrapping, key, aad, len(aad), room, c.byref(short)))
        is_(rv, call("C_WrapKeyAuthenticated", handle, c.byref(how), wrapping, key, aad, len(aad), room, c.byref(length)), "C_WrapKeyAuthenticated")
        return room.raw[: length.value]

    def unwrapped(how, bytes_, aad, wanted, rv=OK):
        made = c.c_ulong()
        got = call("C_UnwrapKeyAuthenticated", handle, c.byref(how), kek, bytes_, len(bytes_), template(*wanted), len(wanted), aad, len(aad), c.byref(made))
        is_(rv, got, "C_UnwrapKeyAuthenticated")
        return made.value

    how, (nonce, tag) = parameter()
    sealed = wrapped(how, leaving, b"session 12")
    is_(32, len(sealed), "the key alone")
    assert nonce.raw != bytes(12) and tag.raw != bytes(16), "both were told"
    back = parameter(nonce.raw, tag.raw, 0)[0]
    key_ = unwrapped(back, sealed, b"session 12", [*AES_, *READABLE])
    assert read(handle, key_, VALUE) == bytes(range(32))
    for bytes_, aad in ((sealed, b"session 13"), (sealed, b""), (sealed[:-1] + b"x", b"session 12")):
        unwrapped(back, bytes_, aad, AES_, 0x110)
    unwrapped(back, sealed[:-1], b"session 12", AES_, 0x112)
    unwrapped(back, b"", b"session 12", AES_, 0x112)
    for wrong in (parameter(nonce.raw, bytes(16), 0)[0], parameter(bytes(12), tag.raw, 0)[0]):
        unwrapped(wrong, sealed, b"session 12", AES_, 0x110)
    again, (other, _) = parameter()
    assert wrapped(again, leaving, b"session 12") != sealed and other.raw != nonce.raw, "a nonce of its own each time"
    for wrong in (parameter(source=0), parameter(bytes(16)), parameter(bits=96), parameter(fixed=32), parameter(source=2)):
        wrapped(wrong[0], leaving, b"", PARAMETER)
    wrapped(mechanism(gcm), leaving, b"", PARAMETER)
    wrapped(mechanism(KWP), leaving, b"", PARAMETER)
    wrapped(how, staying, b"", 0x6A)
    wrapped(how, leaving, b"", 0x68, leaving)
    wrap(handle, given(gcm, GcmMessage()), kek, leaving, PARAMETER)
    # A private key comes back as its kind.
    public, private = pair(handle, EC_GEN, [(PARAMS, P256), (TOKEN, NO)], [(TOKEN, NO), (EXTRACTABLE, YES), (SIGN, YES)])
    how, (nonce, tag) = parameter()
    sealed = wrapped(how, private, b"")
    returned = unwrapped(parameter(nonce.raw, tag.raw, 0)[0], sealed, b"", [(CLASS, PRIVATE), (KEY_TYPE_OF, 3), (TOKEN, NO), (SIGN, YES), (EXTRACTABLE, YES)])
    is_(OK, verify(handle, ECDSA, public, bytes(32), sign(handle, ECDSA, returned, bytes(32))))
    good("C_Finalize", NULL)


def deriving():
    """Both sides of an agreement derive one secret; what is derived with a function is what its specification says."""
    import hmac, hashlib
    handle = begin()
    for kind, params in [(EC_GEN, P256), (EC_GEN, bytes.fromhex("06052b81040022")), (MONTGOMERY_GEN, X25519), (MONTGOMERY_GEN, printable("curve448"))]:
        own = pair(handle, kind, [(PARAMS, params), (TOKEN, NO)], [(DERIVE, YES), (TOKEN, NO)])
        other = pair(handle, kind, [(PARAMS, params), (TOKEN, NO)], [(DERIVE, YES), (TOKEN, NO)])
        for shared, kdf, length in [(b"", 1, None), (b"both", 6, 32), (b"both", 16, 48), (b"", 8, 16)]:
            made = []
            for private, peer in [(own[1], other[0]), (other[1], own[0])]:
                point = read(handle, peer, POINT)
                # In its OCTET STRING for the one, bare for the other.
                point = point if private == own[1] else point[2:] if point[1] < 0x80 else point[3:]
                text, data = c.create_string_buffer(shared), c.create_string_buffer(point)
                how = Ecdh(kdf, len(shared), c.cast(text, c.c_void_p), len(point), c.cast(data, c.c_void_p))
                wanted = [*GENERIC, *READABLE, *([(VALUE_LENGTH, length)] if length else [])]
                made.append(read(handle, derive(handle, given(ECDH, how, text, data), private, wanted), VALUE))
            assert made[0] == made[1] and len(made[0]) == (length or len(made[0])), f"{kdf}"
            if kdf == 1:
                plain = made[0]
            if kdf == 6:
                assert made[0] == hashlib.sha256(plain + b"\0\0\0\1" + shared).digest(), "X9.63"
    signer = pair(handle, EC_GEN, [*ON_P256, (TOKEN, NO)], [(TOKEN, NO)])
    derive(handle, given(ECDH, how, text, data), signer[1], wanted, NOT_PERMITTED)
    # RFC 5869 A.1: its key, salt and info, and what comes of them.
    base = create(handle, [*GENERIC, (VALUE, b"\x0b" * 22), (DERIVE, YES)])
    salt, info = c.create_string_buffer(bytes(range(13)), 13), c.create_string_buffer(bytes(range(0xF0, 0xFA)), 10)
    hkdf = Hkdf(1, 1, SHA256, 2, c.cast(salt, c.c_void_p), 13, 0, c.cast(info, c.c_void_p), 10)
    made = derive(handle, given(HKDF, hkdf, salt, info), base, [*GENERIC, *READABLE, (VALUE_LENGTH, 42)])
    assert read(handle, made, VALUE).hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert len(read(handle, derive(handle, given(HKDF, hkdf, salt, info), base, [*AES_, *READABLE, (VALUE_LENGTH, 32)]), VALUE)) == 32
    derive(handle, given(HKDF, hkdf, salt, info), base, GENERIC, INCOMPLETE)
    hkdf.extract = 0
    derive(handle, given(HKDF, hkdf, salt, info), base, [*GENERIC, (VALUE_LENGTH, 32)], PARAMETER)
    label = c.create_string_buffer(b"label\0context", 13)
    counter, length = CounterFormat(0, 32), LengthFormat(1, 0, 32)
    pieces = (Piece * 3)(Piece(1, c.cast(c.pointer(counter), c.c_void_p), c.sizeof(counter)), Piece(4, c.cast(label, c.c_void_p), 13),
                         Piece(3, c.cast(c.pointer(length), c.c_void_p), c.sizeof(length)))
    kdf = CounterKdf(0x251, 3, c.cast(pieces, c.c_void_p), 0, NULL)
    made = derive(handle, given(COUNTER_KDF, kdf, pieces, counter, label, length), base, [*GENERIC, *READABLE, (VALUE_LENGTH, 32)])
    wanted = hmac.new(b"\x0b" * 22, b"\0\0\0\1" + b"label\0context" + (256).to_bytes(4, "big"), hashlib.sha256).digest()
    assert read(handle, made, VALUE) == wanted, "SP 800-108"
    counter.bits = 16
    derive(handle, given(COUNTER_KDF, kdf, pieces), base, [*GENERIC, (VALUE_LENGTH, 32)], PARAMETER)
    good("C_Finalize", NULL)


def sp800():
    """SP 800-108 with feedback and as double pipeline: what is derived is what the specification says, and other pieces are refused."""
    import hmac
    handle, key, about = begin(), b"\x0b" * 22, b"label\0context"
    base = create(handle, [*GENERIC, (VALUE, key), (DERIVE, YES)])
    text, first = c.create_string_buffer(about, 13), c.create_string_buffer(bytes(range(32)), 32)
    counter, length = CounterFormat(0, 32), LengthFormat(1, 0, 32)
    at = lambda structure: (c.cast(c.pointer(structure), c.c_void_p), c.sizeof(structure))
    iteration, count, array, told = Piece(1, NULL, 0), Piece(2, *at(counter)), Piece(4, c.cast(text, c.c_void_p), 13), Piece(3, *at(length))

    def how(mode, pieces, prf=0x251, iv=32):
        own = (Piece * len(pieces))(*pieces)
        place = c.cast(own, c.c_void_p)
        made = FeedbackKdf(prf, len(pieces), place, iv, c.cast(first, c.c_void_p) if iv else NULL, 0, NULL) if mode == 0x3AD else (
            CounterKdf(prf, len(pieces), place, 0, NULL))
        return given(mode, made, own, counter, length, text, first)

    def wanted(mode, counted, fixed, size, iv):
        prf = lambda data: hmac.new(key, data, "sha256").digest()
        out, before, number = b"", bytes(range(iv)) if mode == 0x3AD else fixed, 1
        while len(out) < size:
            if mode == 0x3AE:
                before = prf(before)
            block = prf(before + (number.to_bytes(4, "big") if counted else b"") + fixed)
            before, out, number = block if mode == 0x3AD else before, out + block, number + 1
        return out[:size]

    for mode in (0x3AD, 0x3AE):
        for counted in (True, False):
            for ends in (True, False):
                for iv in (32, 16, 0) if mode == 0x3AD else (0,):
                    for size in (16, 32, 100):
                        pieces = [iteration, *([count] if counted else []), array, *([told] if ends else [])]
                        made = derive(handle, how(mode, pieces, iv=iv), base, [*GENERIC, *READABLE, (VALUE_LENGTH, size)])
                        fixed = about + ((8 * size).to_bytes(4, "big") if ends else b"")
                        assert read(handle, made, VALUE) == wanted(mode, counted, fixed, size, iv), f"{mode:#x} {counted} {ends} {iv} {size}"
        for pieces in ([], [array], [count, iteration, array], [iteration, array, count], [iteration, count], [iteration, iteration, array],
                       [iteration, count, count, array], [iteration, told, array], [Piece(1, *at(counter)), array]):
            derive(handle, how(mode, pieces), base, [*GENERIC, (VALUE_LENGTH, 32)], PARAMETER)
        derive(handle, how(mode, [iteration, array], prf=0x221), base, [*GENERIC, (VALUE_LENGTH, 32)], PARAMETER)
    # The counter's own mode has no counter beside it.
    derive(handle, how(COUNTER_KDF, [Piece(1, *at(counter)), count, array]), base, [*GENERIC, (VALUE_LENGTH, 32)], PARAMETER)
    derive(handle, how(COUNTER_KDF, [iteration, array]), base, [*GENERIC, (VALUE_LENGTH, 32)], PARAMETER)
    aes = create(handle, [*GENERIC, (VALUE, bytes(16)), (DERIVE, YES)])
    for mode in (0x3AD, 0x3AE):
        made = derive(handle, how(mode, [iteration, count, array], prf=0x108A), aes, [*GENERIC, *READABLE, (VALUE_LENGTH, 40)])
        assert len(read(handle, made, VALUE)) == 40
        signs = create(handle, [*GENERIC, (VALUE, key), (DERIVE, YES), (SIGN, YES)])
        derive(handle, how(mode, [iteration, count, array]), signs, [*GENERIC, (VALUE_LENGTH, 32)], NOT_PERMITTED)
    good("C_Finalize", NULL)


def encapsulation():
    """What was encapsulated is decapsulated; too little room makes nothing; another ciphertext is another secret."""
    handle = begin()
    for kind, length in [(1, 768), (2, 1088), (3, 1568)]:
        public, private = pair(handle, ML_KEM_GEN, [(SET, kind), (TOKEN, NO)], [(TOKEN, NO)])
        assert read(handle, public, ENCAPSULATE) == YES and read(handle, private, DECAPSULATE) == YES
        wanted, how, size, made = [*GENERIC, *READABLE], mechanism(ML_KEM), c.c_ulong(), c.c_ulong()
        before = len(find(handle, (TOKEN, NO)))
        ask = lambda room: call("C_EncapsulateKey", handle, c.byref(how), public, template(*wanted), len(wanted), room, c.byref(size), c.byref(made))
        is_(OK, ask(NULL))
        is_(length, size.value)
        size.value = length - 1
        ciphertext = c.create_string_buffer(length)
        is_(TOO_SMALL, ask(ciphertext))
        is_(before, len(find(handle, (TOKEN, NO))), "keys that were made without room for the ciphertext")
        is_(OK, ask(ciphertext))
        again = c.c_ulong()
        back = lambda data: call("C_DecapsulateKey", handle, c.byref(how), private, template(*wanted), len(wanted), data, len(data), c.byref(again))
        is_(OK, back(ciphertext.raw))
        assert read(handle, made.value, VALUE) == read(handle, again.value, VALUE)
        is_(OK, back(ciphertext.raw[:-1] + bytes([ciphertext.raw[-1] ^ 1])))
        assert read(handle, made.value, VALUE) != read(handle, again.value, VALUE)
        is_(0x112, back(ciphertext.raw[:-1]))
        is_(KEY_TYPE, call("C_DecapsulateKey", handle, c.byref(how), public, NULL, 0, ciphertext, length, c.byref(again)))
    good("C_Finalize", NULL)


def attacks():
    """The known ways to a sensitive key by the interface alone (Clulow 2003; Bortolozzo, Centenaro, Focardi and Steel 2010): each refused."""
    handle = begin()
    target = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (EXTRACTABLE, YES), (TOKEN, NO), (LABEL, b"target")])
    wraps = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (WRAP, YES), (UNWRAP, YES), (EXTRACTABLE, YES), (TOKEN, NO)])
    wrapped = wrap(handle, KWP, wraps, target)

    # Wrap and decrypt: no key does both, by no template and by no change, in whatever order.
    both = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), *((usage, YES) for usage in (WRAP, UNWRAP, ENCRYPT, DECRYPT)), (TOKEN, NO)])
    assert read(handle, both, WRAP) == read(handle, both, UNWRAP) == NO
    wrap(handle, KWP, both, target, NOT_PERMITTED)
    for key, gained in [(wraps, DECRYPT), (wraps, ENCRYPT), (both, WRAP), (both, UNWRAP), (wraps, SIGN)]:
        change(handle, key, (gained, YES), rv=READ_ONLY_ATTRIBUTE)
    is_(NOT_PERMITTED, call("C_DecryptInit", handle, c.byref(mechanism(CBC, bytes(16))), wraps), "the wrapped key read as data")
    for kind, iv in [(CBC, bytes(16)), (0x1085, bytes(16))]:
        is_(NOT_PERMITTED, call("C_EncryptInit", handle, c.byref(mechanism(kind, iv)), wraps), "a key of one's own made to be unwrapped")
    pairs = pair(handle, RSA_GEN, [(BITS, 2048), (WRAP, YES), (TOKEN, NO)], [(UNWRAP, YES), (DECRYPT, YES), (TOKEN, NO)])
    assert read(handle, pairs[1], UNWRAP) == NO

    # Back under other attributes: nothing that left comes back with more usages, another kind, or a way out.
    is_(INCONSISTENT, call("C_CopyObject", handle, wraps, template((DECRYPT, YES)), 1, c.byref(c.c_ulong())), "two objects of one key")
    self_wrapped = wrap(handle, KWP, secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (WRAP, YES), (UNWRAP, YES), (TOKEN, NO)]), wraps)
    unwrap(handle, KWP, wraps, wrapped, [*AES_, *READABLE], INCONSISTENT)
    unwrap(handle, KWP, wraps, wrapped, [*AES_, (WRAP, YES), (UNWRAP, YES)], INCONSISTENT)
    unwrap(handle, KWP, wraps, wrapped, [*GENERIC, *READABLE], INCONSISTENT)
    unwrap(handle, KWP, wraps, self_wrapped, [*AES_, (DECRYPT, YES)], WRAPPED_INVALID)
    copy_wraps = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (WRAP, YES), (UNWRAP, YES), (TOKEN, NO)])
    again = wrap(handle, KWP, copy_wraps, wraps)
    unwrap(handle, KWP, copy_wraps, again, [*AES_, (ENCRYPT, YES), (DECRYPT, YES)], INCONSISTENT)
    harmless = unwrap(handle, KWP, wraps, wrapped, [*AES_, (ENCRYPT, YES), (EXTRACTABLE, NO)])
    assert read(handle, harmless, SENSITIVE_) == YES

    # What is one-way stays so.
    for pairs_, rv in [([(SENSITIVE_, NO)], READ_ONLY_ATTRIBUTE), ([(NEVER, YES)], READ_ONLY_ATTRIBUTE), ([(ALWAYS, YES)], READ_ONLY_ATTRIBUTE)]:
        change(handle, target, *pairs_, rv=rv)
    change(handle, target, (WRAP_WITH_TRUSTED, YES))
    change(handle, target, (WRAP_WITH_TRUSTED, NO), rv=READ_ONLY_ATTRIBUTE)
    wrap(handle, KWP, wraps, target, UNEXTRACTABLE)
    is_(SENSITIVE, call("C_GetAttributeValue", handle, target, template((VALUE, b"")), 1))

    # A weak wrapping key would make a strong key as weak as it is.
    weak = secret(handle, AES_GEN, [(VALUE_LENGTH, 16), (WRAP, YES), (TOKEN, NO)])
    wrap(handle, KWP, weak, secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (EXTRACTABLE, YES), (TOKEN, NO)]), WRAPPING_KEY_SIZE)
    wrap(handle, KWP, weak, secret(handle, AES_GEN, [(VALUE_LENGTH, 16), (EXTRACTABLE, YES), (TOKEN, NO)]))

    # A key that may be read takes none along that may not; one that left in plain is known to whoever has it.
    readable = create(handle, [*AES_, *READABLE, (VALUE, bytes(range(32))), (WRAP, YES)])
    fresh = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (EXTRACTABLE, YES), (TOKEN, NO)])
    wrap(handle, KWP, readable, fresh, UNEXTRACTABLE)
    good("C_Finalize", NULL)


# By the type of key: the mechanisms that make one and that makes codes with it, its usual length, and the hash.
HMAC_TYPES = [(0x2B, 0x4005, 0x251, 32, "sha256"), (0x2C, 0x4006, 0x261, 48, "sha384"), (0x2D, 0x4007, 0x271, 64, "sha512"),
              (0x37, 0x2B3, 0x2B1, 32, "sha3_256"), (0x38, 0x2C3, 0x2C1, 48, "sha3_384"), (0x39, 0x2D3, 0x2D1, 64, "sha3_512")]


def sizes():
    """Secrets have the length that somebody wants, and HMAC keys a type of their own; what would be weak makes no codes."""
    import hmac
    handle, data = begin(), b"what is authenticated"
    before = sorted(find(handle))
    value = lambda key: read(handle, key, VALUE)
    for length in (1, 13, 14, 20, 33, 48, 64, 100, 512):
        made = secret(handle, GENERIC_GEN, [(VALUE_LENGTH, length), (TOKEN, NO), *READABLE])
        assert len(value(made)) == number(handle, made, VALUE_LENGTH) == length
        assert read(handle, made, SIGN) == (YES if length >= 14 else NO) and read(handle, made, DERIVE) == YES
        came = create(handle, [*GENERIC, *READABLE, (VALUE, bytes(range(256)) * 2)] if length == 512 else
                      [*GENERIC, *READABLE, (VALUE, bytes(range(length)))])
        assert number(handle, came, VALUE_LENGTH) == length and read(handle, came, SIGN) == read(handle, made, SIGN)
        if length >= 14:
            assert sign(handle, 0x271, made, data) == hmac.new(value(made), data, "sha512").digest()
    for length in (0, 513, UNAVAILABLE):
        secret(handle, GENERIC_GEN, [(VALUE_LENGTH, length), (TOKEN, NO)], VALUE_INVALID)
    secret(handle, GENERIC_GEN, [(VALUE_LENGTH, 13), (SIGN, YES), (DERIVE, NO), (TOKEN, NO)], INCONSISTENT)
    create(handle, [*GENERIC, (VALUE, b"")], VALUE_INVALID)
    create(handle, [*GENERIC, (VALUE, bytes(513))], VALUE_INVALID)
    for kind, gen, code, usual, digest in HMAC_TYPES:
        for length in (None, 14, 20, 200):
            wanted = [(TOKEN, NO), (LABEL, digest.encode()), *READABLE, *([(VALUE_LENGTH, length)] if length else [])]
            made = secret(handle, gen, wanted)
            assert len(value(made)) == number(handle, made, VALUE_LENGTH) == (length or usual)
            assert number(handle, made, KEY_TYPE_OF) == kind and number(handle, made, GENERATED_BY) == gen
            assert read(handle, made, DERIVE) == NO and read(handle, made, SIGN) == YES
            assert sign(handle, code, made, data) == hmac.new(value(made), data, digest).digest()
            is_(KEY_TYPE, call("C_SignInit", handle, c.byref(mechanism(0x261 if code == 0x251 else 0x251)), made), "another hash")
        came = create(handle, [(CLASS, SECRET), (KEY_TYPE_OF, kind), (TOKEN, NO), (LABEL, digest.encode()), (VALUE, b"k" * 20)])
        assert sign(handle, code, came, data) == hmac.new(b"k" * 20, data, digest).digest()
        create(handle, [(CLASS, SECRET), (KEY_TYPE_OF, kind), (TOKEN, NO), (VALUE, b"k" * 13)], VALUE_INVALID)
        for length in (13, 513):
            secret(handle, gen, [(VALUE_LENGTH, length), (TOKEN, NO)], VALUE_INVALID)
        secret(handle, gen, [(DERIVE, YES), (SIGN, NO), (VERIFY, NO), (TOKEN, NO)], INCONSISTENT)
        stored = secret(handle, gen, [(LABEL, digest.encode())])
        assert stored in find(handle, (KEY_TYPE_OF, kind), (LABEL, digest.encode()))
        assert find(handle, (KEY_TYPE_OF, 0x10), (LABEL, digest.encode())) == []
        destroy(handle, stored)
    base = create(handle, [*GENERIC, (VALUE, b"\x0b" * 22), (DERIVE, YES)])
    hkdf = Hkdf(1, 1, SHA256, 2, NULL, 0, 0, NULL, 0)
    for wanted, length in (([(KEY_TYPE_OF, 0x2C)], 48), ([(KEY_TYPE_OF, 0x2C), (VALUE_LENGTH, 20)], 20), ([(KEY_TYPE_OF, 0x10), (VALUE_LENGTH, 5)], 5)):
        made = derive(handle, given(HKDF, hkdf), base, [(CLASS, SECRET), (TOKEN, NO), *READABLE, *wanted])
        assert len(value(made)) == number(handle, made, VALUE_LENGTH) == length
    wraps = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (WRAP, YES), (UNWRAP, YES), (TOKEN, NO)])
    leaves = secret(handle, 0x4005, [(VALUE_LENGTH, 20), (TOKEN, NO), (EXTRACTABLE, YES)])
    back = unwrap(handle, mechanism(KWP), wraps, wrap(handle, mechanism(KWP), wraps, leaves), [(CLASS, SECRET), (KEY_TYPE_OF, 0x2B), (TOKEN, NO)])
    assert number(handle, back, VALUE_LENGTH) == 20 and sign(handle, 0x251, back, data) == sign(handle, 0x251, leaves, data)
    good("C_CloseSession", handle)
    assert sorted(find(session())) == before
    good("C_Finalize", NULL)


RSA_RAW = 3


def raw():
    """CKM_RSA_PKCS around any bytes and CKM_RSA_X_509, with keys that name them; every other key is refused, and gains neither."""
    handle = begin()
    names = lambda *kinds: [(ALLOWED, b"".join(bytes(c.c_ulong(kind)) for kind in kinds))]
    rsa, signs = [(BITS, 2048)], [(SIGN, YES)]
    public, private = pair(handle, RSA_GEN, rsa, signs + names(RSA_PKCS, RSA_RAW))
    assert read(handle, private, ALLOWED) == names(RSA_PKCS, RSA_RAW)[0][1]
    modulus = int.from_bytes(read(handle, public, MODULUS), "big")
    sha1 = bytes.fromhex("3021300906052b0e03021a05000414") + bytes(20)
    sha256 = bytes.fromhex("3031300d060960864801650304020105000420") + bytes(32)
    recovered = lambda signature: pow(int.from_bytes(signature, "big"), 65537, modulus).to_bytes(256, "big")
    for data in (b"", b"x", sha1, sha256, bytes(245)):
        signature = sign(handle, RSA_PKCS, private, data)
        assert recovered(signature) == b"\x00\x01" + b"\xff" * (253 - len(data)) + b"\x00" + data
        is_(OK, verify(handle, RSA_PKCS, public, data, signature), f"{len(data)} bytes")
        is_(SIGNATURE, verify(handle, RSA_PKCS, public, data[:-1] + b"y", signature), f"{len(data)} other bytes")
    for data in (b"", b"\x02", b"\x00" * 5 + b"number", bytes([modulus >> 2040 & 0xFF]) + bytes(255)):
        signature = sign(handle, RSA_RAW, private, data)
        assert recovered(signature) == data.rjust(256, b"\x00")
        is_(OK, verify(handle, RSA_RAW, public, data, signature), "a number")
        is_(SIGNATURE, verify(handle, RSA_RAW, public, data[:-1] + b"y", signature), "another number")
        is_(SIGNATURE_LENGTH, verify(handle, RSA_RAW, public, data, signature[1:]), "cut")
    is_(SIGNATURE, verify(handle, RSA_RAW, public, b"", modulus.to_bytes(256, "big")), "a signature that is no number below the modulus")
    refused = lambda kind, key, data: [
        good("C_SignInit", handle, c.byref(mechanism(kind)), key),
        call("C_Sign", handle, data, len(data), c.create_string_buffer(256), c.byref(c.c_ulong(256))),
    ][1]
    is_(DATA_LENGTH, refused(RSA_PKCS, private, bytes(246)), "no room for the padding")
    is_(DATA_LENGTH, refused(RSA_RAW, private, bytes(257)), "more than the modulus")
    is_(DATA, refused(RSA_RAW, private, modulus.to_bytes(256, "big")), "the modulus")
    for function in ("C_DecryptInit", "C_EncryptInit"):
        is_(MECHANISM, call(function, handle, c.byref(mechanism(RSA_RAW)), private if "De" in function else public), function)
    _, usual = pair(handle, RSA_GEN, rsa, [])
    _, hashes = pair(handle, RSA_GEN, rsa, signs + names(RSA_SHA256))
    for key_, what in ((usual, "no list"), (hashes, "a list without them")):
        for kind, data in ((RSA_PKCS, sha1), (RSA_PKCS, b"x"), (RSA_RAW, bytes(256))):
            is_(0x68, refused(kind, key_, data), what)
        change(handle, key_, *names(RSA_RAW), rv=READ_ONLY_ATTRIBUTE)
    copy = c.c_ulong()
    is_(INCONSISTENT, call("C_CopyObject", handle, usual, template(*names(RSA_RAW)), 1, c.byref(copy)))
    # The number that a change names stays what it was: a DigestInfo is signed, and nothing else is.
    change(handle, usual, *names(RSA_PKCS))
    sign(handle, RSA_PKCS, usual, sha256)
    is_(0x68, refused(RSA_PKCS, usual, b"x"), "narrowed")
    for public_, private_ in (([], []), ([(ENCRYPT, YES)], signs), ([], [(DECRYPT, YES), *signs])):
        pair(handle, RSA_GEN, rsa + public_, private_ + names(RSA_RAW), INCONSISTENT)
    good("C_Finalize", NULL)


def trust():
    """A user who may not say what is trusted gets no trusted key; under others a key that asks for trust does not leave."""
    handle, pin = begin(), sys.argv[4].encode()
    good("C_Login", handle, 1, pin, len(pin))
    wraps = [(VALUE_LENGTH, 32), (WRAP, YES), (TOKEN, NO)]
    secret(handle, AES_GEN, [*wraps, (TRUSTED, YES)], PROHIBITED)
    own = secret(handle, AES_GEN, wraps)
    change(handle, own, (TRUSTED, YES), rv=PROHIBITED)
    assert read(handle, own, TRUSTED) == NO
    asks = secret(handle, AES_GEN, [(VALUE_LENGTH, 32), (EXTRACTABLE, YES), (WRAP_WITH_TRUSTED, YES), (TOKEN, NO)])
    wrap(handle, KWP, own, asks, UNEXTRACTABLE)
    good("C_Finalize", NULL)


run(globals())
