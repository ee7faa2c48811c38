"""An application that logs in: the user of a token, its security officer, a local user.

    tokens.py MODULE SCENARIO CONFIG [ARGUMENT...]
"""
import ctypes as c
import sys

# Nothing is left beside the programs.
sys.dont_write_bytecode = True
from loader import *

SO, USER, CONTEXT = 0, 1, 2
READ_ONLY, RO_EXISTS, SO_EXISTS, ANOTHER, TYPE = 0xB5, 0xB7, 0xB8, 0x104, 0x103
NOT_SET, LOCKED, LENGTH, EXPIRED, EXISTS = 0x102, 0xA4, 0xA2, 0xA3, 0xB6
SERIAL, WRITE = 4, 2


class Info(c.Structure):
    _fields_ = [(name, c.c_ulong) for name in ("slot", "state", "flags", "error")]


def state(handle):
    info = Info()
    good("C_GetSessionInfo", handle, c.byref(info))
    return info.state


def log_in(handle, who, pin):
    return call("C_Login", handle, who, pin, len(pin))


def opened(flags, slot=0):
    handle = c.c_ulong()
    return call("C_OpenSession", slot, flags, NULL, NULL, c.byref(handle)), handle.value


def states():
    """PKCS#11 3.2 5.6: who may be logged in with which sessions, and what each may do with PINs."""
    so, user = sys.argv[4].encode(), sys.argv[5].encode()
    new = b"a new user pin"
    handle = begin()
    is_(2, state(handle), "a public session that may write")
    is_(TYPE, log_in(handle, 7, user))
    is_(WRONG_PIN, log_in(handle, USER, b"wrong wrong"))
    is_(ARGUMENTS, call("C_Login", handle, USER, NULL, 0))
    _, reading = opened(SERIAL)
    is_(0, state(reading))
    is_(RO_EXISTS, log_in(handle, SO, so), "no officer beside a session that cannot write")
    good("C_Login", handle, USER, user, len(user))
    is_(3, state(handle))
    is_(1, state(reading))
    is_(LOGGED_IN, log_in(reading, USER, user))
    is_(ANOTHER, log_in(handle, SO, so))
    is_(NOT_BEGUN, log_in(handle, CONTEXT, user), "no operation wants the PIN")
    is_(NOT_LOGGED_IN, call("C_InitPIN", handle, new, len(new)), "only the officer sets a PIN")
    is_(READ_ONLY, call("C_SetPIN", reading, user, len(user), new, len(new)))
    is_(WRONG_PIN, call("C_SetPIN", handle, b"wrong wrong", 11, new, len(new)))
    is_(LENGTH, call("C_SetPIN", handle, user, len(user), b"abc", 3))
    is_(EXISTS, call("C_InitToken", 0, so, len(so), b"another".ljust(32)), "sessions are open")
    good("C_SetPIN", handle, user, len(user), new, len(new))
    is_(3, state(handle), "whoever was logged in stays so")
    find(handle)
    good("C_Logout", handle)
    is_(NOT_LOGGED_IN, call("C_Logout", handle))
    is_(WRONG_PIN, log_in(handle, USER, user), "the old PIN")
    good("C_SetPIN", handle, new, len(new), user, len(user))
    is_(2, state(handle), "a PIN is changed without a login too")
    good("C_CloseSession", reading)
    good("C_Login", handle, SO, so, len(so))
    is_(4, state(handle), "the officer's functions")
    is_(SO_EXISTS, opened(SERIAL)[0])
    is_(OK, opened(SERIAL | WRITE)[0])
    is_(ANOTHER, log_in(handle, USER, user))
    is_(LOGGED_IN, log_in(handle, SO, so))
    is_([], find(handle, (CLASS, PRIVATE)), "an officer sees nothing private")
    is_(LENGTH, call("C_InitPIN", handle, b"abc", 3))
    good("C_InitPIN", handle, new, len(new))
    good("C_SetPIN", handle, so, len(so), b"officers pin two", 16)
    is_(4, state(handle))
    good("C_SetPIN", handle, b"officers pin two", 16, so, len(so))
    good("C_Logout", handle)
    is_(OK, call("C_LoginUser", handle, USER, new, len(new), NULL, 0))
    good("C_Logout", handle)
    is_(TYPE, call("C_LoginUser", handle, USER, new, len(new), b"alice", 5), "the users of a token have no name")
    for _ in range(5):
        rv = log_in(handle, USER, b"wrong wrong")
    is_(LOCKED, rv)
    is_(LOCKED, log_in(handle, USER, new))
    good("C_Login", handle, SO, so, len(so))
    good("C_InitPIN", handle, user, len(user))
    good("C_CloseAllSessions", 0)
    handle = session()
    is_(2, state(handle), "with the last session the login ended")
    good("C_Login", handle, USER, user, len(user))
    good("C_Finalize", NULL)


def view():
    """What the token shows, before and after the login."""
    pin, name = sys.argv[4].encode(), sys.argv[5]
    handle = begin()
    assert find(handle, (CLASS, PRIVATE)) == []
    good("C_Login", handle, USER, pin, len(pin))
    assert len(find(handle, (CLASS, PRIVATE))) == 1
    assert find(handle, (LABEL, b"nobody")) == [], "a name that no key has"
    private, public = key(handle, name, PRIVATE), key(handle, name, PUBLIC)
    signature = sign(handle, ECDSA_SHA256, private, b"data")
    is_(OK, verify(handle, ECDSA_SHA256, public, b"data", signature))
    good("C_Logout", handle)
    is_(0x60, call("C_SignInit", handle, c.byref(mechanism(ECDSA_SHA256)), private), "after the logout it is not seen")
    good("C_Finalize", NULL)


def narrowed():
    """So many private keys are shown to a user whose slot narrows what the token shows; serial number and description stay."""
    pin, shown = sys.argv[4].encode(), int(sys.argv[5])
    handle = begin()
    before = known_by()
    good("C_Login", handle, USER, pin, len(pin))
    is_(shown, len(find(handle, (CLASS, PRIVATE))))
    assert known_by() == before
    good("C_Finalize", NULL)


def known_by():
    """What applications remember a token by: the slot's description, the serial number."""
    slot, token = c.create_string_buffer(256), c.create_string_buffer(512)
    good("C_GetSlotInfo", 0, slot)
    good("C_GetTokenInfo", 0, token)
    return slot.raw[:64], token.raw[80:96]


def makes():
    """A pair is made where the record of the token says, of its algorithms alone, and found there."""
    pin = sys.argv[4].encode()
    handle = begin()
    good("C_Login", handle, USER, pin, len(pin))
    pair = (c.c_ulong(), c.c_ulong())
    make = lambda curve: call(
        "C_GenerateKeyPair", handle, c.byref(mechanism(0x1040)),
        template((0x180, curve), (0x1, b"\x01")), 2, template((0x1, b"\x01")), 1, c.byref(pair[0]), c.byref(pair[1]),
    )
    is_(OK, make(bytes.fromhex("06082a8648ce3d030107")))
    is_(0xD1, make(bytes.fromhex("06052b81040022")), "P-384 is not of the token's view")
    is_([pair[1].value], find(handle, (CLASS, PRIVATE)))
    good("C_Finalize", NULL)


def context():
    """A key that wants the PIN for each use: PKCS#11 3.2 5.6.8, CKU_CONTEXT_SPECIFIC."""
    pin, name = sys.argv[4].encode(), sys.argv[5]
    handle = begin()
    good("C_Login", handle, USER, pin, len(pin))
    private, public = key(handle, name, PRIVATE), key(handle, name, PUBLIC)
    signature, length = c.create_string_buffer(64), c.c_ulong(64)
    start = lambda: good("C_SignInit", handle, c.byref(mechanism(ECDSA_SHA256)), private)
    end = lambda: call("C_Sign", handle, b"data", 4, signature, c.byref(length))
    start()
    is_(NOT_LOGGED_IN, end(), "without the PIN")
    is_(3, state(handle), "whoever was logged in stays so")
    for _ in range(2):
        start()
        is_(WRONG_PIN, log_in(handle, CONTEXT, b"wrong wrong"))
        good("C_Login", handle, CONTEXT, pin, len(pin))
        is_(OK, call("C_Sign", handle, b"data", 4, NULL, c.byref(length)), "a length query uses nothing")
        is_(OK, end())
        is_(OK, verify(handle, ECDSA_SHA256, public, b"data", signature.raw))
        is_(NOT_BEGUN, log_in(handle, CONTEXT, pin))
        start()
        is_(NOT_LOGGED_IN, end(), "one PIN is for one use")
    start()
    good("C_Login", handle, CONTEXT, pin, len(pin))
    good("C_SignInit", handle, NULL, 0)
    start()
    is_(NOT_LOGGED_IN, end(), "a PIN is for the operation that was active")
    good("C_Finalize", NULL)


def first():
    """The first password of a local user becomes one of their own."""
    old, own = sys.argv[4].encode(), sys.argv[5].encode()
    good("C_SetPIN", begin(), old, len(old), own, len(own))
    good("C_Finalize", NULL)


def password():
    """A local user's password is the user PIN of a slot, the first one too."""
    first, own = sys.argv[4].encode(), sys.argv[5].encode()
    handle = begin()
    is_(EXPIRED, log_in(handle, USER, first), "it can only be changed")
    is_(WRONG_PIN, call("C_SetPIN", handle, b"wrong wrong", 11, own, len(own)))
    good("C_SetPIN", handle, first, len(first), own, len(own))
    good("C_Login", handle, USER, own, len(own))
    good("C_SetPIN", handle, own, len(own), own + b"2", len(own) + 1)
    is_(3, state(handle))
    find(handle)
    good("C_Logout", handle)
    is_(WRONG_PIN, log_in(handle, USER, own))
    is_(OK, call("C_LoginUser", handle, USER, own + b"2", len(own) + 1, b"newcomer", 8))
    good("C_Finalize", NULL)


run(globals())
