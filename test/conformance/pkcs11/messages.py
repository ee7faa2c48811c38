"""Messages under one key: encrypted, decrypted, signed and verified one by one.

    messages.py MODULE SCENARIO CONFIG
"""
import ctypes as c

from loader import *

SECRET, NOT_PERMITTED, UNDECIPHERABLE, DATA_LENGTH, SEALED_LENGTH = 4, 0x68, 0x42, 0x21, 0x41
GCM, CCM, CHACHA, CTR = 0x1087, 0x1088, 0x4021, 0x1086
NO_GENERATE, GENERATE, COUNTER, RANDOM = 0, 1, 2, 3
END = 1


class Gcm(c.Structure):
    _fields_ = [(n, c.c_void_p if n in ("iv", "tag") else c.c_ulong) for n in ("iv", "iv_length", "fixed", "generator", "tag", "tag_bits")]


class Ccm(c.Structure):
    _fields_ = [("length", c.c_ulong)] + [
        (n, c.c_void_p if n in ("iv", "tag") else c.c_ulong) for n in ("iv", "iv_length", "fixed", "generator", "tag", "tag_length")
    ]


class ChaCha(c.Structure):
    _fields_ = [("iv", c.c_void_p), ("iv_length", c.c_ulong), ("tag", c.c_void_p)]


class Parameter:
    """The structure of a message with the memory that it points to."""

    def __init__(self, kind, iv=bytes(12), generator=NO_GENERATE, tag=bytes(16), length=0, fixed=0, tag_bits=128):
        self.iv, self.tag = c.create_string_buffer(iv, len(iv)), c.create_string_buffer(tag, len(tag))
        places = (c.cast(self.iv, c.c_void_p), c.cast(self.tag, c.c_void_p))
        if kind == GCM:
            self.made = Gcm(places[0], len(iv), fixed, generator, places[1], tag_bits)
        elif kind == CCM:
            self.made = Ccm(length, places[0], len(iv), fixed, generator, places[1], tag_bits // 8)
        else:
            self.made = ChaCha(places[0], len(iv), places[1])

    def words(self):
        return c.byref(self.made), c.sizeof(self.made)


def one(handle, which, parameter, data, aad=b""):
    out, room = c.create_string_buffer(len(data) + 64), c.c_ulong(len(data) + 64)
    rv = call(f"C_{which}Message", handle, *parameter.words(), aad, len(aad), data, len(data), out, c.byref(room))
    return rv, out.raw[: room.value] if rv == OK else None


def in_parts(handle, which, begun, ended, data, aad):
    good(f"C_{which}MessageBegin", handle, *begun.words(), aad, len(aad))
    out, room, given = c.create_string_buffer(256), c.c_ulong(256), b""
    for start in range(0, len(data), 10):
        piece, last = data[start : start + 10], start + 10 >= len(data)
        if last:
            room.value = 0
            good(f"C_{which}MessageNext", handle, *ended.words(), piece, len(piece), NULL, c.byref(room), END)
            is_(len(data), room.value, "the length of all")
            room.value -= 1
            rv = call(f"C_{which}MessageNext", handle, *ended.words(), piece, len(piece), out, c.byref(room), END)
            is_(TOO_SMALL, rv, "too little room")
        room.value = 256
        good(f"C_{which}MessageNext", handle, *ended.words(), piece, len(piece), out, c.byref(room), END if last else 0)
        given += out.raw[: room.value]
    return given


def ciphers():
    """Every AEAD, with nonces of the caller and of the token; a message that does not open ends only itself."""
    handle, aad = begin(), b"about it"
    for name, kind in [("any", GCM), ("gcm", GCM), ("any", CCM), ("ccm", CCM), ("chacha", CHACHA)]:
        what, key_, data = f"{name} {kind:#x}", key(handle, name, SECRET), b"a message of thirty-three letters"
        good("C_MessageEncryptInit", handle, c.byref(mechanism(kind)), key_)
        is_(ACTIVE, call("C_MessageEncryptInit", handle, c.byref(mechanism(kind)), key_), what)
        good("C_MessageDecryptInit", handle, c.byref(mechanism(kind)), key_)
        nonces = set()
        for generator in (NO_GENERATE,) if kind == CHACHA else (NO_GENERATE, GENERATE, RANDOM, RANDOM):
            own = bytes(range(12)) if generator == NO_GENERATE else bytes(12)
            parameter = Parameter(kind, own, generator, length=len(data))
            rv, sealed = one(handle, "Encrypt", parameter, data, aad)
            is_(OK, rv, what)
            is_(len(data), len(sealed), what)
            assert sealed != data and parameter.tag.raw != bytes(16)
            nonces.add(parameter.iv.raw)
            assert (parameter.iv.raw == own) == (generator == NO_GENERATE), "whose nonce it is"
            opening = Parameter(kind, parameter.iv.raw, tag=parameter.tag.raw, length=len(data))
            assert one(handle, "Decrypt", opening, sealed, aad) == (OK, data), what
            for wrong in (
                (Parameter(kind, parameter.iv.raw, tag=bytes(16), length=len(data)), sealed, aad),
                (opening, sealed[:-1] + b"x", aad),
                (opening, sealed, b"other"),
            ):
                is_(UNDECIPHERABLE, one(handle, "Decrypt", *wrong)[0], f"{what}: the process goes on")
            again = Parameter(kind, parameter.iv.raw, length=len(data))
            assert in_parts(handle, "Encrypt", Parameter(kind, parameter.iv.raw, length=len(data)), again, data, aad) == sealed
            assert again.tag.raw == parameter.tag.raw, "the tag comes with the end"
            assert in_parts(handle, "Decrypt", opening, opening, sealed, aad) == data, what
        assert len(nonces) == (1 if kind == CHACHA else 4), "a nonce of its own for each"
        if kind == GCM:
            parameter = Parameter(kind, bytes(range(16)))
            sealed = one(handle, "Encrypt", parameter, data, aad)[1]
            opening = Parameter(kind, parameter.iv.raw, tag=parameter.tag.raw)
            assert one(handle, "Decrypt", opening, sealed, aad) == (OK, data), "a nonce of another length"
            is_(PARAMETER, one(handle, "Encrypt", Parameter(kind, bytes(16), GENERATE), data, aad)[0], "the vault draws 12 bytes")
        for wrong in (Parameter(kind, bytes(7 if kind == GCM else 11), length=1), Parameter(GCM if kind != GCM else CCM, length=1)):
            is_(PARAMETER, one(handle, "Encrypt", wrong, b"x")[0], what)
        if kind != CHACHA:
            for wrong in (Parameter(kind, generator=COUNTER, length=1), Parameter(kind, generator=GENERATE, fixed=32, length=1), Parameter(kind, tag_bits=96, length=1)):
                is_(PARAMETER, one(handle, "Encrypt", wrong, b"x")[0], what)
            begun = call("C_EncryptMessageBegin", handle, *Parameter(kind, generator=GENERATE).words(), b"", 0)
            is_(PARAMETER, begun, "a nonce that would have to be told before the message is there")
        if kind == CCM:
            is_(DATA_LENGTH, one(handle, "Encrypt", Parameter(kind, length=5), b"x")[0], "another length than was promised")
        is_(NOT_BEGUN, call("C_EncryptMessageNext", handle, *Parameter(kind).words(), b"x", 1, c.create_string_buffer(99), c.byref(c.c_ulong(99)), END))
        is_(PARAMETER, call("C_EncryptMessage", handle, NULL, 0, b"", 0, b"x", 1, c.create_string_buffer(99), c.byref(c.c_ulong(99))))
        good("C_MessageEncryptFinal", handle)
        good("C_MessageDecryptFinal", handle)
        is_(NOT_BEGUN, call("C_MessageEncryptFinal", handle))
        is_(NOT_BEGUN, one(handle, "Decrypt", Parameter(kind), b"x")[0])
    is_(NOT_PERMITTED, call("C_MessageEncryptInit", handle, c.byref(mechanism(CCM)), key(handle, "gcm", SECRET)))
    is_(MECHANISM, call("C_MessageEncryptInit", handle, c.byref(mechanism(CTR)), key(handle, "any", SECRET)), "no AEAD")
    good("C_MessageEncryptInit", handle, c.byref(mechanism(GCM)), key(handle, "gcm", SECRET))
    good("C_SessionCancel", handle, 2)
    is_(NOT_BEGUN, call("C_MessageEncryptFinal", handle), "cancelled")
    good("C_Finalize", NULL)


def signatures():
    """Signatures and codes one after the other, whole and in parts, of mechanisms that take no pieces too."""
    handle = begin()
    for name, kind in [("p256", ECDSA_SHA256), ("ed25519", EDDSA), ("rsa", RSA_SHA256), ("mldsa44", 0x1D), ("hmac256", 0x251)]:
        private, public = (key(handle, name, SECRET),) * 2 if name == "hmac256" else (key(handle, name, PRIVATE), key(handle, name, PUBLIC))
        good("C_MessageSignInit", handle, c.byref(mechanism(kind)), private)
        good("C_MessageVerifyInit", handle, c.byref(mechanism(kind)), public)
        for data in (b"the first", b"the second message"):
            room, out = c.c_ulong(), c.create_string_buffer(4096)
            good("C_SignMessage", handle, NULL, 0, data, len(data), NULL, c.byref(room))
            good("C_SignMessage", handle, NULL, 0, data, len(data), out, c.byref(room))
            signature = out.raw[: room.value]
            good("C_VerifyMessage", handle, NULL, 0, data, len(data), signature, len(signature))
            is_(SIGNATURE, call("C_VerifyMessage", handle, NULL, 0, b"other", 5, signature, len(signature)), "the process goes on")
            good("C_SignMessageBegin", handle, NULL, 0)
            is_(ACTIVE, call("C_SignMessage", handle, NULL, 0, data, len(data), out, c.byref(room)), "a message is begun")
            good("C_SignMessageNext", handle, NULL, 0, data[:4], 4, NULL, NULL)
            room.value = 1
            is_(TOO_SMALL, call("C_SignMessageNext", handle, NULL, 0, data[4:], len(data) - 4, out, c.byref(room)))
            good("C_SignMessageNext", handle, NULL, 0, data[4:], len(data) - 4, out, c.byref(room))
            signature = out.raw[: room.value]
            good("C_VerifyMessageBegin", handle, NULL, 0)
            good("C_VerifyMessageNext", handle, NULL, 0, data[:4], 4, NULL, 0)
            good("C_VerifyMessageNext", handle, NULL, 0, data[4:], len(data) - 4, signature, len(signature))
            is_(NOT_BEGUN, call("C_VerifyMessageNext", handle, NULL, 0, b"x", 1, signature, len(signature)), name)
        is_(PARAMETER, call("C_SignMessage", handle, b"x", 1, b"x", 1, out, c.byref(room)), "no parameter for a message")
        good("C_MessageSignFinal", handle)
        good("C_MessageVerifyFinal", handle)
        is_(NOT_BEGUN, call("C_SignMessage", handle, NULL, 0, b"x", 1, out, c.byref(room)))
    is_(MECHANISM, call("C_MessageSignInit", handle, c.byref(mechanism(0x108E, bytes(12))), key(handle, "gmac", SECRET)), "one nonce for all")
    good("C_Finalize", NULL)


run(globals())
