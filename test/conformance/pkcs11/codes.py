"""Codes, post-quantum signatures and digests through the module.

    codes.py MODULE SCENARIO CONFIG [ARGUMENT...]
"""
import ctypes as c
import hashlib
import hmac
import json
import sys

from loader import *

SECRET = 4
NOT_PERMITTED = 0x68
HMACS = {"sha256": 0x251, "sha384": 0x261, "sha512": 0x271, "sha3_256": 0x2B1, "sha3_384": 0x2C1, "sha3_512": 0x2D1}
CMAC, CMAC_GENERAL, GMAC = 0x108A, 0x108B, 0x108E
ML_DSA, SLH_DSA = 0x1D, 0x2E


def in_pieces(handle, kind, private, public, data, parameter=b""):
    """C_SignUpdate and C_VerifyUpdate: the pieces are the data."""
    good("C_SignInit", handle, c.byref(mechanism(kind, parameter)), private)
    for start in range(0, len(data), 5):
        good("C_SignUpdate", handle, data[start : start + 5], len(data[start : start + 5]))
    room, out = c.c_ulong(), c.create_string_buffer(1024)
    good("C_SignFinal", handle, NULL, c.byref(room))
    good("C_SignFinal", handle, out, c.byref(room))
    signature = out.raw[: room.value]
    good("C_VerifyInit", handle, c.byref(mechanism(kind, parameter)), public)
    for start in range(0, len(data), 9):
        good("C_VerifyUpdate", handle, data[start : start + 9], len(data[start : start + 9]))
    good("C_VerifyFinal", handle, signature, len(signature))
    return signature


def checked(handle, kind, key_, data, parameter, code, what):
    """A code verifies; changed, cut and of other data it does not, each with its answer."""
    is_(OK, verify(handle, kind, key_, data, code, parameter), what)
    is_(SIGNATURE, verify(handle, kind, key_, data, bytes([code[0] ^ 1]) + code[1:], parameter), f"{what} changed")
    is_(SIGNATURE, verify(handle, kind, key_, data + b"x", code, parameter), f"{what} of other data")
    is_(SIGNATURE_LENGTH, verify(handle, kind, key_, data, code[:-1], parameter), f"{what} cut")
    is_(SIGNATURE_LENGTH, verify(handle, kind, key_, data, code + b"x", parameter), f"{what} prolonged")


def macs():
    """HMAC as Python computes it, CMAC and GMAC; whole, in pieces, and of other lengths; a key makes its own codes alone."""
    handle, data = begin(), b"what is authenticated"
    secret = bytes.fromhex(sys.argv[4])
    generic = key(handle, "generic", SECRET)
    for name, kind in HMACS.items():
        wanted = hmac.new(secret, data, name).digest()
        code = sign(handle, kind, generic, data)
        assert code == wanted, name
        assert in_pieces(handle, kind, generic, generic, data) == wanted, name
        checked(handle, kind, generic, data, b"", code, name)
        half = bytes(c.c_ulong(len(wanted) // 2))
        assert sign(handle, kind + 1, generic, data, half) == wanted[: len(wanted) // 2], name
        checked(handle, kind + 1, generic, data, half, wanted[: len(wanted) // 2], f"{name} general")
        for wrong in (0, len(wanted) // 2 - 1, len(wanted) + 1, UNAVAILABLE):
            is_(PARAMETER, call("C_SignInit", handle, c.byref(mechanism(kind + 1, bytes(c.c_ulong(wrong)))), generic), f"{name} {wrong}")
        is_(PARAMETER, call("C_SignInit", handle, c.byref(mechanism(kind, half)), generic), "a length for a code that has one")
    for name in ("any", "cmac"):
        key_ = key(handle, name, SECRET)
        code = sign(handle, CMAC, key_, data)
        is_(16, len(code))
        assert in_pieces(handle, CMAC, key_, key_, data) == code
        checked(handle, CMAC, key_, data, b"", code, name)
        eight = bytes(c.c_ulong(8))
        assert sign(handle, CMAC_GENERAL, key_, data, eight) == code[:8]
        checked(handle, CMAC_GENERAL, key_, data, eight, code[:8], name)
    nonce = bytes(range(12))
    for name in ("any", "gmac"):
        key_ = key(handle, name, SECRET)
        code = sign(handle, GMAC, key_, data, nonce)
        assert in_pieces(handle, GMAC, key_, key_, data, nonce) == code
        checked(handle, GMAC, key_, data, nonce, code, name)
        is_(SIGNATURE, verify(handle, GMAC, key_, data, code, nonce[::-1]), "another nonce")
        is_(PARAMETER, call("C_SignInit", handle, c.byref(mechanism(GMAC)), key_), "no nonce")
        is_(PARAMETER, call("C_SignInit", handle, c.byref(mechanism(GMAC, bytes(7))), key_), "a short nonce")
        checked(handle, GMAC, key_, data, bytes(16), sign(handle, GMAC, key_, data, bytes(16)), name)
    hmac256 = key(handle, "hmac256", SECRET)
    sign(handle, HMACS["sha256"], hmac256, data)
    is_(KEY_TYPE, call("C_SignInit", handle, c.byref(mechanism(HMACS["sha512"])), hmac256), "a key of another hash")
    is_(NOT_PERMITTED, call("C_SignInit", handle, c.byref(mechanism(GMAC, nonce)), key(handle, "cmac", SECRET)))
    is_(KEY_TYPE, call("C_SignInit", handle, c.byref(mechanism(CMAC)), generic))
    is_(NOT_PERMITTED, call("C_SignInit", handle, c.byref(mechanism(HMACS["sha256"])), key(handle, "derives", SECRET)), "a secret that derives")
    good("C_Finalize", NULL)


class Context(c.Structure):
    _fields_ = [("hedge", c.c_ulong), ("context", c.c_char_p), ("length", c.c_ulong)]


class Eddsa(c.Structure):
    _fields_ = [("prehashed", c.c_ubyte), ("length", c.c_ulong), ("context", c.c_char_p)]


KEPT = []


def packed(structure):
    """Its bytes; what it points to lives as long as the program."""
    KEPT.append(structure)
    return bytes(structure)


def signatures():
    """ML-DSA and SLH-DSA with contexts, Ed25519ph, RSA and ECDSA over SHA-3: made, verified, and refused when changed."""
    handle, data = begin(), b"what is signed"
    about, other = packed(Context(0, b"about", 5)), packed(Context(1, b"other", 5))
    for name, kind in [("mldsa44", ML_DSA), ("mldsa65", ML_DSA), ("mldsa87", ML_DSA), ("slh128f", SLH_DSA)]:
        private, public = key(handle, name, PRIVATE), key(handle, name, PUBLIC)
        for parameter in (b"", about):
            checked(handle, kind, public, data, parameter, sign(handle, kind, private, data, parameter), name)
        is_(SIGNATURE, verify(handle, kind, public, data, sign(handle, kind, private, data, about), other), "another context")
        is_(PARAMETER, call("C_SignInit", handle, c.byref(mechanism(kind, packed(Context(2, b"", 0)))), private), "deterministic")
        is_(PARAMETER, call("C_SignInit", handle, c.byref(mechanism(kind, packed(Context(0, b"x" * 256, 256)))), private), "too long")
        is_(MECHANISM, call("C_SignInit", handle, c.byref(mechanism({ML_DSA: 0x24, SLH_DSA: 0x37}[kind])), private), "pre-hashed")
    private, public = key(handle, "ed25519", PRIVATE), key(handle, "ed25519", PUBLIC)
    plain = sign(handle, EDDSA, private, data)
    for parameter in (packed(Eddsa(1, 0, None)), packed(Eddsa(1, 5, b"about")), packed(Eddsa(0, 5, b"about"))):
        signature = sign(handle, EDDSA, private, data, parameter)
        assert signature != plain
        checked(handle, EDDSA, public, data, parameter, signature, "ed25519")
        is_(SIGNATURE, verify(handle, EDDSA, public, data, signature), "as the plain variant")
    for name, kind in [("p256", 0x1048), ("p384", 0x1049), ("p521", 0x104A), ("rsa", 0x60), ("rsa", 0x61), ("rsa", 0x62)]:
        private, public = key(handle, name, PRIVATE), key(handle, name, PUBLIC)
        checked(handle, kind, public, data, b"", in_pieces(handle, kind, private, public, data), f"{name} {kind:#x}")
    for kind, hash_, mgf in [(0x63, 0x2B0, 7), (0x64, 0x2C0, 8), (0x65, 0x2D0, 9)]:
        private, public = key(handle, "rsa", PRIVATE), key(handle, "rsa", PUBLIC)
        pss = bytes(c.c_ulong(hash_)) + bytes(c.c_ulong(mgf)) + bytes(c.c_ulong(32))
        checked(handle, kind, public, data, pss, in_pieces(handle, kind, private, public, data, pss), f"rsa {kind:#x}")
    for kind in (0x1042, 0x1043, 0x06, 0x46):
        is_(MECHANISM, call("C_SignInit", handle, c.byref(mechanism(kind)), key(handle, "p256", PRIVATE)), "SHA-1 and SHA-224")
    for kind, name in [(0x220, "sha1"), (0x255, "sha224"), (SHA256, "sha256"), (0x2B0, "sha3_256")]:
        good("C_DigestInit", handle, c.byref(mechanism(kind)))
        out, room = c.create_string_buffer(64), c.c_ulong(64)
        good("C_Digest", handle, data, len(data), out, c.byref(room))
        assert out.raw[: room.value] == hashlib.new(name, data).digest(), name
    good("C_Finalize", NULL)


def given_first():
    """C_VerifySignature: the signature first, then the data, whole or in pieces; and states that are not saved."""
    handle, data = begin(), b"what is signed"
    for name, kind, which in [("p256", ECDSA_SHA256, True), ("ed25519", EDDSA, False), ("mldsa44", ML_DSA, False), ("hmac256", 0x251, True)]:
        private, public = (key(handle, name, SECRET),) * 2 if name == "hmac256" else (key(handle, name, PRIVATE), key(handle, name, PUBLIC))
        signature = sign(handle, kind, private, data)
        begun = ("C_VerifySignatureInit", handle, c.byref(mechanism(kind)), public)
        good(*begun, signature, len(signature))
        is_(ACTIVE, call(*begun, signature, len(signature)), name)
        good("C_VerifySignature", handle, data, len(data))
        is_(NOT_BEGUN, call("C_VerifySignature", handle, data, len(data)), "it ends")
        good(*begun, signature, len(signature))
        if which:
            good("C_VerifySignatureUpdate", handle, data[:4], 4)
            good("C_VerifySignatureUpdate", handle, data[4:], len(data) - 4)
            good("C_VerifySignatureFinal", handle)
        else:
            is_(NOT_BEGUN, call("C_VerifySignatureUpdate", handle, data, len(data)), "it takes no pieces")
        for wrong, wanted in [(bytes([signature[0] ^ 1]) + signature[1:], SIGNATURE), (signature[1:], SIGNATURE_LENGTH)]:
            good(*begun, wrong, len(wrong))
            is_(wanted, call("C_VerifySignature", handle, data, len(data)), name)
        good(*begun, signature, len(signature))
        is_(SIGNATURE, call("C_VerifySignature", handle, b"other", 5), name)
        good(*begun, signature, len(signature))
        good("C_VerifySignatureInit", handle, NULL, public, NULL, 0)
        is_(NOT_BEGUN, call("C_VerifySignatureFinal", handle), "NULL cancels")
    room, flags = c.c_ulong(), c.c_ulong(7)
    is_(NOT_BEGUN, call("C_GetOperationState", handle, NULL, c.byref(room)))
    good("C_DigestInit", handle, c.byref(mechanism(SHA256)))
    is_(0x180, call("C_GetOperationState", handle, NULL, c.byref(room)), "unsaveable")
    is_(0x67, call("C_DigestKey", handle, key(handle, "hmac256", SECRET)), "indigestible")
    is_(NOT_BEGUN, call("C_DigestUpdate", handle, b"", 0), "which ended the digest")
    is_(0x160, call("C_SetOperationState", handle, b"x", 1, 0, 0), "never saved")
    good("C_GetSessionValidationFlags", handle, 1, c.byref(flags))
    is_(0, flags.value)
    for name in ("C_SignRecoverInit", "C_VerifyRecoverInit", "C_DigestEncryptUpdate", "C_DecryptVerifyUpdate"):
        is_(0x54, call(name, handle, NULL, 0, NULL, NULL), name)
    good("C_Finalize", NULL)


def vectors():
    """Published codes: ours is the file's exactly when the file's is valid."""
    handle = begin()
    with open(sys.argv[4]) as file:
        cases = json.load(file)
    for case in cases:
        key_, kind = key(handle, case["label"], SECRET), case["mechanism"]
        parameter, message, tag = (bytes.fromhex(case[name]) for name in ("parameter", "msg", "tag"))
        rv = verify(handle, kind, key_, message, tag, parameter)
        is_(OK if case["valid"] else SIGNATURE, rv, case["label"])
        assert (sign(handle, kind, key_, message, parameter) == tag) == case["valid"], case["label"]
    assert len(cases) > 60
    good("C_Finalize", NULL)


run(globals())
