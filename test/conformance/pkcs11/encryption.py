"""Ciphers of the module, by the rules of the specification and by published vectors.

    encryption.py MODULE SCENARIO CONFIG [ARGUMENT...]
"""
import ctypes as c
import json
import sys

from loader import *

SECRET = 4
NOT_PERMITTED, DATA_LENGTH, SEALED, SEALED_LENGTH, ARGUMENTS = 0x68, 0x21, 0x40, 0x41, 0x07
CBC, CBC_PAD, CTR, GCM, CCM, XTS, CHACHA = 0x1082, 0x1085, 0x1086, 0x1087, 0x1088, 0x1071, 0x4021
RSA_PKCS, RSA_X509, OAEP = 1, 3, 9


class Gcm(c.Structure):
    _fields_ = [("iv", c.c_char_p), ("iv_length", c.c_ulong), ("iv_bits", c.c_ulong), ("aad", c.c_char_p), ("aad_length", c.c_ulong), ("tag_bits", c.c_ulong)]


class Ccm(c.Structure):
    _fields_ = [("length", c.c_ulong), ("nonce", c.c_char_p), ("nonce_length", c.c_ulong), ("aad", c.c_char_p), ("aad_length", c.c_ulong), ("mac_length", c.c_ulong)]


class ChaCha(c.Structure):
    _fields_ = [("nonce", c.c_char_p), ("nonce_length", c.c_ulong), ("aad", c.c_char_p), ("aad_length", c.c_ulong)]


class Ctr(c.Structure):
    _fields_ = [("bits", c.c_ulong), ("counter", c.c_ubyte * 16)]


class Oaep(c.Structure):
    _fields_ = [("hash", c.c_ulong), ("mgf", c.c_ulong), ("source", c.c_ulong), ("label", c.c_char_p), ("label_length", c.c_ulong)]


def parameters(kind, iv, aad=b"", length=0):
    """What a mechanism is given: the structure is kept with it, because it points to the rest."""
    if kind in (CBC, CBC_PAD, XTS):
        return mechanism(kind, iv)
    if kind == GCM:
        made = Gcm(iv, len(iv), 8 * len(iv), aad, len(aad), 128)
    elif kind == CCM:
        made = Ccm(length, iv, len(iv), aad, len(aad), 16)
    elif kind == CHACHA:
        made = ChaCha(iv, len(iv), aad, len(aad))
    else:
        made = Ctr(128, (c.c_ubyte * 16)(*iv))
    given = mechanism(kind, bytes(made))
    given.structure = made
    return given


def one_shot(handle, which, kind, key_, data, iv=b"", aad=b"", length=None, given=None):
    """C_Encrypt or C_Decrypt: the return value, and what came out."""
    given = given or parameters(kind, iv, aad, len(data) if length is None else length)
    begun = call(f"C_{which}Init", handle, c.byref(given), key_)
    if begun != OK:
        return begun, None
    room = c.c_ulong()
    rv = call(f"C_{which}", handle, data, len(data), NULL, c.byref(room))
    if rv != OK:
        return rv, None
    out = c.create_string_buffer(room.value + 1)
    rv = call(f"C_{which}", handle, data, len(data), out, c.byref(room))
    return rv, out.raw[: room.value] if rv == OK else None


def in_pieces(handle, which, kind, key_, data, iv, aad=b"", length=None):
    good(f"C_{which}Init", handle, c.byref(parameters(kind, iv, aad, len(data) if length is None else length)), key_)
    out, room, given = c.create_string_buffer(len(data) + 64), c.c_ulong(len(data) + 64), b""
    for start in range(0, len(data), 7):
        piece = data[start : start + 7]
        good(f"C_{which}Update", handle, piece, len(piece), NULL, c.byref(room))
        needed = room.value
        assert needed <= len(given) + len(piece) + 15
        if needed:
            room.value = needed - 1
            is_(TOO_SMALL, call(f"C_{which}Update", handle, piece, len(piece), out, c.byref(room)), "nothing was taken")
        room.value = needed
        good(f"C_{which}Update", handle, piece, len(piece), out, c.byref(room))
        is_(needed, room.value)
        given += out.raw[: room.value]
    keeps_pace = kind in (CBC, CBC_PAD, CTR)
    assert len(data) - len(given) <= 16 if keeps_pace else given == b"", "what is authenticated gives nothing before its end"
    is_(ACTIVE, call(f"C_{which}Init", handle, c.byref(parameters(kind, iv)), key_))
    good(f"C_{which}Final", handle, NULL, c.byref(room))
    if which == "Encrypt" and room.value > 0:
        needed, room.value = room.value, room.value - 1
        is_(TOO_SMALL, call(f"C_{which}Final", handle, out, c.byref(room)), "too little room")
        is_(needed, room.value)
    good(f"C_{which}Final", handle, out, c.byref(room))
    is_(NOT_BEGUN, call(f"C_{which}Final", handle, out, c.byref(room)), "the end ends it")
    return given + out.raw[: room.value]


IV16, IV12 = bytes(range(16)), bytes(range(12))
AEADS = (GCM, CCM, CHACHA)


def rules():
    """Every cipher there and back, whole and in pieces; wrong lengths, wrong keys and changed bytes have their answers."""
    handle = begin()
    several = [("any", kind) for kind in (CBC, CBC_PAD, CTR, GCM, CCM)]
    for name, kind in [*several, ("gcm", GCM), ("cbc", CBC), ("cbc", CBC_PAD), ("ctr", CTR), ("ccm", CCM), ("xts", XTS), ("chacha", CHACHA)]:
        what, key_ = f"{name} {kind:#x}", key(handle, name, SECRET)
        iv, aad = (IV12, b"associated") if kind in AEADS else (IV16, b"")
        data = b"forty-eight bytes of text, which is three blocks"
        rv, sealed = one_shot(handle, "Encrypt", kind, key_, data, iv, aad)
        is_(OK, rv, what)
        is_({GCM: 64, CCM: 64, CHACHA: 64, CBC_PAD: 64}.get(kind, 48), len(sealed), what)
        assert sealed[:16] != data[:16]
        assert in_pieces(handle, "Encrypt", kind, key_, data, iv, aad) == sealed, what
        rv, opened = one_shot(handle, "Decrypt", kind, key_, sealed, iv, aad, len(data))
        is_(OK, rv, what)
        assert opened == data, what
        assert in_pieces(handle, "Decrypt", kind, key_, sealed, iv, aad, len(data)) == data, what
        if kind in AEADS:
            changed = bytes([sealed[0] ^ 1]) + sealed[1:]
            is_(SEALED, one_shot(handle, "Decrypt", kind, key_, changed, iv, aad, len(data))[0], what)
            is_(SEALED, one_shot(handle, "Decrypt", kind, key_, sealed, iv, b"other", len(data))[0], what)
            is_(SEALED_LENGTH, one_shot(handle, "Decrypt", kind, key_, sealed[:15], iv, aad, 0)[0], what)
            for nonce in (bytes(8), IV16, bytes(range(64))) if kind == GCM else ():
                rv, sealed = one_shot(handle, "Encrypt", kind, key_, data, nonce, aad)
                is_(OK, rv, f"{what}, {len(nonce)} bytes of nonce")
                assert one_shot(handle, "Decrypt", kind, key_, sealed, nonce, aad) == (OK, data), what
                is_(SEALED, one_shot(handle, "Decrypt", kind, key_, sealed, IV12, aad)[0], what)
            for nonce in (bytes(7), bytes(65)) if kind == GCM else (bytes(8), IV16):
                is_(PARAMETER, one_shot(handle, "Encrypt", kind, key_, data, nonce)[0], what)
                is_(PARAMETER, one_shot(handle, "Decrypt", kind, key_, sealed, nonce, aad, len(data))[0], what)
            is_(PARAMETER, one_shot(handle, "Encrypt", kind, key_, data, b"")[0], what)
        if kind == CBC:
            is_(DATA_LENGTH, one_shot(handle, "Encrypt", kind, key_, data[1:], iv)[0], what)
            is_(SEALED_LENGTH, one_shot(handle, "Decrypt", kind, key_, sealed[1:], iv)[0], what)
            assert one_shot(handle, "Encrypt", kind, key_, b"", iv)[1] == b"", "nothing is no block"
        if kind == CBC_PAD:
            is_(SEALED_LENGTH, one_shot(handle, "Decrypt", kind, key_, b"", iv)[0], what)
            is_(SEALED, one_shot(handle, "Decrypt", kind, key_, sealed[:48], iv)[0], what)
        if kind == XTS:
            is_(DATA_LENGTH, one_shot(handle, "Encrypt", kind, key_, data[:15], iv)[0], what)
    for name, kind, wanted in [("gcm", CBC, NOT_PERMITTED), ("cbc", GCM, NOT_PERMITTED), ("xts", CBC, KEY_TYPE), ("chacha", GCM, KEY_TYPE), ("mac", GCM, NOT_PERMITTED)]:
        is_(wanted, one_shot(handle, "Encrypt", kind, key(handle, name, SECRET), b"", IV12 if kind == GCM else IV16)[0], f"{name} {kind:#x}")
    held = key(handle, "held", SECRET)
    is_(OK, one_shot(handle, "Encrypt", GCM, held, b"x", IV12)[0])
    is_(NOT_PERMITTED, one_shot(handle, "Encrypt", CTR, held, b"x", IV16)[0], "what the key does not allow")
    any_ = key(handle, "any", SECRET)
    is_(MECHANISM, call("C_EncryptInit", handle, c.byref(mechanism(0x1081)), any_), "ECB")
    is_(MECHANISM, call("C_EncryptInit", handle, c.byref(mechanism(0x250)), any_), "a digest")
    is_(PARAMETER, call("C_EncryptInit", handle, c.byref(mechanism(CBC)), any_), "no IV")
    short = Gcm(IV12, 12, 96, b"", 0, 96)
    is_(PARAMETER, call("C_EncryptInit", handle, c.byref(mechanism(GCM, bytes(short))), any_), "a shorter tag")
    overflow = Ctr(8, (c.c_ubyte * 16)(*([0] * 15 + [254])))
    is_(DATA_LENGTH, one_shot(handle, "Encrypt", CTR, any_, b"x" * 33, given=mechanism(CTR, bytes(overflow)))[0], "a counter that begins anew")
    good("C_EncryptInit", handle, c.byref(parameters(GCM, IV12)), any_)
    good("C_EncryptInit", handle, NULL, any_)
    is_(NOT_BEGUN, call("C_EncryptFinal", handle, NULL, c.byref(c.c_ulong())), "NULL cancels")
    good("C_DecryptInit", handle, c.byref(parameters(GCM, IV12)), any_)
    is_(ARGUMENTS, call("C_Decrypt", handle, NULL, 5, NULL, c.byref(c.c_ulong())))
    is_(NOT_BEGUN, call("C_Decrypt", handle, b"", 0, NULL, c.byref(c.c_ulong())), "a bad argument ends it")
    padding_that_fits_late()
    good("C_Finalize", NULL)


def padding_that_fits_late():
    """How long a padded plaintext is shows when it was decrypted: it waits for room, and is decrypted once."""
    handle = session()
    any_, out, room = key(handle, "any", SECRET), c.create_string_buffer(64), c.c_ulong(2)
    _, sealed = one_shot(handle, "Encrypt", CBC_PAD, any_, b"three", IV16)
    good("C_DecryptInit", handle, c.byref(parameters(CBC_PAD, IV16)), any_)
    is_(TOO_SMALL, call("C_Decrypt", handle, sealed, 16, out, c.byref(room)))
    is_(5, room.value, "the length that is needed")
    good("C_Decrypt", handle, sealed, 16, out, c.byref(room))
    assert out.raw[:5] == b"three"
    is_(NOT_BEGUN, call("C_Decrypt", handle, sealed, 16, out, c.byref(room)))


HASHES = {0x250: 2, 0x260: 3, 0x270: 4, 0x2B0: 7, 0x2C0: 8, 0x2D0: 9}


def oaep(hash_, label=b""):
    made = Oaep(hash_, HASHES.get(hash_, 1), 1, label, len(label))
    given = mechanism(OAEP, bytes(made))
    given.structure = made
    return given


def rsa():
    """OAEP with every hash and labels, there and back; PKCS#1 v1.5 as the server is configured; raw RSA never."""
    handle = begin()
    private, public = key(handle, "rsa", PRIVATE), key(handle, "rsa", PUBLIC)
    for hash_ in HASHES:
        for label in (b"", b"a label", b"\xff\x00 no text"):
            rv, sealed = one_shot(handle, "Encrypt", OAEP, public, b"sealed", given=oaep(hash_, label))
            is_(OK, rv, f"{hash_:#x} {label}")
            is_(256, len(sealed))
            rv, opened = one_shot(handle, "Decrypt", OAEP, private, sealed, given=oaep(hash_, label))
            is_(OK, rv, f"{hash_:#x} {label}")
            assert opened == b"sealed"
            is_(SEALED, one_shot(handle, "Decrypt", OAEP, private, sealed, given=oaep(hash_, label + b"x"))[0])
    is_(PARAMETER, one_shot(handle, "Encrypt", OAEP, public, b"x", given=oaep(0x220))[0], "SHA-1")
    is_(DATA_LENGTH, one_shot(handle, "Encrypt", OAEP, public, b"x" * 191, given=oaep(0x250))[0])
    is_(SEALED_LENGTH, one_shot(handle, "Decrypt", OAEP, private, b"x" * 255, given=oaep(0x250))[0])
    is_(KEY_TYPE, one_shot(handle, "Encrypt", OAEP, private, b"x", given=oaep(0x250))[0], "the wrong half")
    is_(MECHANISM, call("C_EncryptInit", handle, c.byref(mechanism(RSA_X509)), public))
    rv, sealed = one_shot(handle, "Encrypt", RSA_PKCS, public, b"sealed", given=mechanism(RSA_PKCS))
    is_(OK, rv)
    is_(MECHANISM, one_shot(handle, "Decrypt", RSA_PKCS, private, sealed, given=mechanism(RSA_PKCS))[0], "off at the server")
    good("C_EncryptInit", handle, c.byref(oaep(0x250)), public)
    room = c.c_ulong(256)
    is_(NOT_BEGUN, call("C_EncryptUpdate", handle, b"x", 1, c.create_string_buffer(256), c.byref(room)), "RSA takes no parts")
    with open(sys.argv[4], "rb") as file:
        rv, opened = one_shot(handle, "Decrypt", OAEP, private, file.read(), given=oaep(0x250))
    is_(OK, rv, "what openssl encrypted")
    assert opened == b"from openssl"
    good("C_Finalize", NULL)


def oaep_vectors():
    """Published cases of RSA-OAEP with SHA-256 and labels: valid ones open, the others have the one answer."""
    handle = begin()
    private, public = key(handle, "oaep", PRIVATE), key(handle, "oaep", PUBLIC)
    with open(sys.argv[4]) as file:
        cases = json.load(file)
    for case in cases:
        message, sealed, label = (bytes.fromhex(case[name]) for name in ("msg", "ct", "label"))
        rv, opened = one_shot(handle, "Decrypt", OAEP, private, sealed, given=oaep(0x250, label))
        if case["result"] == "valid":
            is_(OK, rv, str(case["tcId"]))
            assert opened == message, case["tcId"]
            again = one_shot(handle, "Encrypt", OAEP, public, message, given=oaep(0x250, label))[1]
            assert one_shot(handle, "Decrypt", OAEP, private, again, given=oaep(0x250, label))[1] == message, case["tcId"]
        else:
            assert rv in (SEALED, SEALED_LENGTH), f"{case['tcId']}: {rv:#x}"
    is_(37, len(cases))
    good("C_Finalize", NULL)


AUTHENTICATED = [("turns", GCM), ("turns", CCM), ("turns_chacha", CHACHA)]
KWP, HMAC = 0x210B, 0x251


def before_rotation():
    """What the versions of now seal, wrap and authenticate is written down."""
    handle, made = begin(), {}
    for name, kind in AUTHENTICATED:
        made[f"{kind}"] = one_shot(handle, "Encrypt", kind, key(handle, name, SECRET), b"from before", IV12, b"aad")[1].hex()
    made["ctr"] = one_shot(handle, "Encrypt", CTR, key(handle, "turns", SECRET), b"from before", IV16)[1].hex()
    made["oaep"] = one_shot(handle, "Encrypt", OAEP, key(handle, "turns_rsa", PUBLIC), b"from before", given=oaep(0x250))[1].hex()
    room, length = c.create_string_buffer(99), c.c_ulong(99)
    good("C_WrapKey", handle, c.byref(mechanism(KWP)), key(handle, "turns_kek", SECRET), key(handle, "turns_leaves", SECRET), room, c.byref(length))
    made["wrapped"] = room.raw[: length.value].hex()
    made["code"] = sign(handle, HMAC, key(handle, "turns_hmac", SECRET), b"from before").hex()
    with open(sys.argv[4], "w") as file:
        json.dump(made, file)
    good("C_Finalize", NULL)


def after_rotation():
    """What is authenticated opens whatever version sealed it; what is not is of the current version."""
    with open(sys.argv[4]) as file:
        made = {name: bytes.fromhex(value) for name, value in json.load(file).items()}
    handle = begin()
    for name, kind in AUTHENTICATED:
        key_, sealed = key(handle, name, SECRET), made[f"{kind}"]
        assert one_shot(handle, "Encrypt", kind, key_, b"from before", IV12, b"aad")[1] != sealed, "another version"
        assert one_shot(handle, "Decrypt", kind, key_, sealed, IV12, b"aad", 11) == (OK, b"from before"), f"{kind:#x}"
        assert in_pieces(handle, "Decrypt", kind, key_, sealed, IV12, b"aad", 11) == b"from before"
        is_(SEALED, one_shot(handle, "Decrypt", kind, key_, sealed, IV12, b"other", 11)[0], "one answer when no version opens it")
    rv, opened = one_shot(handle, "Decrypt", CTR, key(handle, "turns", SECRET), made["ctr"], IV16)
    assert rv == OK and opened != b"from before", "nothing tells CTR whose it was"
    private = key(handle, "turns_rsa", PRIVATE)
    assert one_shot(handle, "Decrypt", OAEP, private, made["oaep"], given=oaep(0x250)) == (OK, b"from before")
    changed = made["oaep"][:-1] + bytes([made["oaep"][-1] ^ 1])
    is_(SEALED, one_shot(handle, "Decrypt", OAEP, private, changed, given=oaep(0x250))[0])
    wanted, wrapped, unwrapped = template((CLASS, SECRET), (0x100, 0x1F), (1, b"\x00")), made["wrapped"], c.c_ulong()
    kek = key(handle, "turns_kek", SECRET)
    good("C_UnwrapKey", handle, c.byref(mechanism(KWP)), kek, wrapped, len(wrapped), wanted, 3, c.byref(unwrapped))
    is_(OK, one_shot(handle, "Encrypt", GCM, unwrapped.value, b"x", IV12)[0], "a key came out")
    mac = key(handle, "turns_hmac", SECRET)
    assert sign(handle, HMAC, mac, b"from before") != made["code"]
    is_(OK, verify(handle, HMAC, mac, b"from before", made["code"]))
    is_(SIGNATURE, verify(handle, HMAC, mac, b"from now", made["code"]))
    good("C_Finalize", NULL)


def vectors():
    """Published cases through the module: valid ones open and come out again, the others do not open."""
    handle, counted = begin(), 0
    with open(sys.argv[4]) as file:
        cases = json.load(file)
    for case in cases:
        key_, kind = key(handle, case["label"], SECRET), case["mechanism"]
        iv, aad, message, sealed = (bytes.fromhex(case[name]) for name in ("iv", "aad", "msg", "sealed"))
        rv, opened = one_shot(handle, "Decrypt", kind, key_, sealed, iv, aad, max(0, len(sealed) - 16))
        if not case["valid"]:
            assert rv in (SEALED, SEALED_LENGTH), f"{case['label']}: {rv:#x}"
        else:
            is_(OK, rv, case["label"])
            assert opened == message, case["label"]
            assert one_shot(handle, "Encrypt", kind, key_, message, iv, aad)[1] == sealed, case["label"]
        counted += 1
    is_(len(cases), counted)
    assert counted > 100
    good("C_Finalize", NULL)


run(globals())
