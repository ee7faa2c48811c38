"""An application that keeps certificates and data on a token.

    objects.py MODULE SCENARIO CONFIG PIN CERTIFICATE
"""
import ctypes as c
import sys

# Nothing is left beside the programs.
sys.dont_write_bytecode = True
from loader import *

TOKEN, IS_PRIVATE, APPLICATION, OBJECT_ID = 1, 2, 0x10, 0x12
CERTIFICATE_TYPE, ISSUER, SERIAL, TRUSTED, CATEGORY, CHECK = 0x80, 0x81, 0x82, 0x86, 0x87, 0x90
SUBJECT, ID, MODIFIABLE, COPYABLE, DESTROYABLE, UNIQUE = 0x101, 0x102, 0x170, 0x171, 0x172, 4
DATA_OBJECT, CERTIFICATE = 0, 1
INCOMPLETE, VALUE_INVALID, READ_ONLY, TYPE_INVALID, PROHIBITED, RO_SESSION, INCONSISTENT = 0xD0, 0x13, 0x10, 0x12, 0x1B, 0xB5, 0xD1
YES, NO = b"\x01", b"\x00"


def make(handle, *pairs):
    made = c.c_ulong()
    return call("C_CreateObject", handle, template(*pairs), len(pairs), c.byref(made)), made.value


def made(handle, *pairs):
    rv, new = make(handle, *pairs)
    is_(OK, rv, "C_CreateObject")
    return new


def get(handle, thing, kind):
    asked = template((kind, b""))
    asked[0].value, asked[0].length = None, 0
    rv = call("C_GetAttributeValue", handle, thing, asked, 1)
    if rv != OK:
        return rv
    buffer = c.create_string_buffer(asked[0].length + 1)
    asked[0].value = c.cast(buffer, c.c_void_p)
    good("C_GetAttributeValue", handle, thing, asked, 1)
    return buffer.raw[: asked[0].length]


def change(handle, thing, *pairs):
    return call("C_SetAttributeValue", handle, thing, template(*pairs), len(pairs))


def parts(der):
    """Serial number, issuer and subject of a certificate (RFC 5280 4.1), each as DER."""
    def element(at):
        length, head = der[at + 1], 2
        if length & 0x80:
            head += length & 0x7F
            length = int.from_bytes(der[at + 2 : at + head], "big")
        return at + head, at + head + length

    at, _ = element(element(0)[0])
    found = []
    while len(found) < 6:
        found.append(der[at : element(at)[1]])
        at = element(at)[1]
    if found[0][0] == 0xA0:
        found = found[1:]
    else:
        found = found[:5]
    return found[0], found[2], found[4]


def walk():
    pin = sys.argv[4].encode()
    with open(sys.argv[5], "rb") as file:
        der = file.read()
    serial, issuer, subject = parts(der)
    handle = begin()
    whole = [(CLASS, CERTIFICATE), (CERTIFICATE_TYPE, 0), (SUBJECT, subject), (VALUE, der), (LABEL, b"web"), (ID, b"\x0a\x0b")]
    data = [(CLASS, DATA_OBJECT), (LABEL, b"note"), (APPLICATION, b"app"), (VALUE, b"hello")]
    is_(NOT_LOGGED_IN, make(handle, *data, (TOKEN, YES), (IS_PRIVATE, YES))[0], "a private object wants a login")
    good("C_Login", handle, 1, pin, len(pin))

    # What is missing or wrong.
    for gone in range(1, 4):
        is_(INCOMPLETE, make(handle, *[pair for at, pair in enumerate(whole) if at != gone])[0], f"without {gone}")
    is_(VALUE_INVALID, make(handle, *whole[:3], (VALUE, b"no certificate"), (TOKEN, YES))[0])
    is_(VALUE_INVALID, make(handle, whole[0], whole[1], (SUBJECT, issuer[:-1]), whole[3], (TOKEN, YES))[0])
    is_(VALUE_INVALID, make(handle, whole[0], (CERTIFICATE_TYPE, 1), *whole[2:])[0], "an attribute certificate")
    is_(TYPE_INVALID, make(handle, *data, (SUBJECT, subject))[0])
    is_(TYPE_INVALID, make(handle, *whole, (APPLICATION, b"app"))[0])
    is_(PROHIBITED, make(handle, *whole, (TOKEN, YES), (TRUSTED, YES))[0], "a user trusts nothing")

    # A token object stays, and shows what its value says.
    web = made(handle, *whole, (TOKEN, YES))
    for kind, wanted in [
        (CLASS, bytes(c.c_ulong(CERTIFICATE))),
        (TOKEN, YES),
        (IS_PRIVATE, NO),
        (CERTIFICATE_TYPE, bytes(c.c_ulong(0))),
        (SUBJECT, subject),
        (ISSUER, issuer),
        (SERIAL, serial),
        (VALUE, der),
        (ID, b"\x0a\x0b"),
        (TRUSTED, NO),
        (CHECK, __import__("hashlib").sha1(der).digest()[:3]),
    ]:
        is_bytes(wanted, get(handle, web, kind), kind)
    is_(TYPE_INVALID, get(handle, web, APPLICATION))
    for wanted in [
        [(CLASS, CERTIFICATE)],
        [(ISSUER, issuer), (SERIAL, serial)],
        [(SUBJECT, subject), (ID, b"\x0a\x0b")],
        [(VALUE, der)],
        [(LABEL, b"web")],
    ]:
        assert find(handle, *wanted) == [web], wanted
    for wanted in [[(CLASS, DATA_OBJECT)], [(ID, b"\x0a")], [(SERIAL, b"\x02\x01\x01")], [(CLASS, CERTIFICATE), (TOKEN, NO)]]:
        assert find(handle, *wanted) == [], wanted

    # Changing.
    is_(OK, change(handle, web, (LABEL, b"second"), (ID, b"\x0c")))
    assert find(handle, (LABEL, b"second"), (ID, b"\x0c")) == [web] and find(handle, (LABEL, b"web")) == []
    is_(READ_ONLY, change(handle, web, (VALUE, der)))
    is_(READ_ONLY, change(handle, web, (IS_PRIVATE, YES)))
    is_(PROHIBITED, change(handle, web, (TRUSTED, YES)))
    fixed = made(handle, *data, (TOKEN, YES), (MODIFIABLE, NO), (COPYABLE, NO), (DESTROYABLE, NO))
    is_(PROHIBITED, change(handle, fixed, (LABEL, b"x")))
    is_(PROHIBITED, call("C_DestroyObject", handle, fixed))
    copied = c.c_ulong()
    is_(PROHIBITED, call("C_CopyObject", handle, fixed, NULL, 0, c.byref(copied)))

    # Copies.
    wanted = template((LABEL, b"copy"), (TOKEN, NO))
    good("C_CopyObject", handle, web, wanted, 2, c.byref(copied))
    is_bytes(der, get(handle, copied.value, VALUE), "a copy")
    assert find(handle, (LABEL, b"copy"), (TOKEN, NO)) == [copied.value]
    wanted = template((VALUE, der))
    is_(READ_ONLY, call("C_CopyObject", handle, web, wanted, 1, c.byref(copied)))

    # Private data, and session objects.
    hidden = made(handle, *data, (TOKEN, YES), (IS_PRIVATE, YES))
    note = made(handle, *data, (OBJECT_ID, b"\x06\x01\x2a"))
    is_(OK, change(handle, note, (VALUE, b"another"), (APPLICATION, b"two")))
    is_bytes(b"another", get(handle, note, VALUE), "data of a session")
    is_bytes(b"\x06\x01\x2a", get(handle, note, OBJECT_ID), "an object id")
    assert sorted(find(handle, (CLASS, DATA_OBJECT), (VALUE, b"hello"))) == sorted([hidden, fixed])
    size = c.c_ulong()
    good("C_GetObjectSize", handle, web, c.byref(size))
    assert size.value >= len(der)
    reading = c.c_ulong()
    good("C_OpenSession", 0, 4, NULL, NULL, c.byref(reading))
    is_(RO_SESSION, make(reading.value, *data, (TOKEN, YES))[0])
    is_(RO_SESSION, change(reading.value, web, (LABEL, b"x")))
    is_(RO_SESSION, call("C_DestroyObject", reading.value, web))
    is_(INCONSISTENT, make(reading.value, *data, (LABEL, b"own"))[0], "one attribute twice")
    own = made(reading.value, data[0], (LABEL, b"own"), *data[2:])
    assert find(handle, (LABEL, b"own")) == [own], "every session of the application sees it"
    good("C_CloseSession", reading.value)
    is_(OBJECT, get(handle, own, LABEL), "it ended with its session")
    good("C_Logout", handle)
    is_(OBJECT, get(handle, hidden, LABEL), "private without a login")
    assert find(handle, (CLASS, DATA_OBJECT), (TOKEN, YES)) == [fixed]
    good("C_Login", handle, 1, pin, len(pin))
    assert find(handle, (CLASS, DATA_OBJECT), (IS_PRIVATE, YES)) == [hidden], "the same object has the same handle"
    for thing in [web, hidden]:
        good("C_DestroyObject", handle, thing)
        is_(OBJECT, get(handle, thing, LABEL))
    good("C_Finalize", NULL)


def is_bytes(wanted, got, what):
    assert got == wanted, f"{what}: {got!r}, not {wanted!r}"


def announced():
    """Profiles and mechanisms are objects that are read by anybody, found as the specification says, and changed by nobody."""
    handle, pin = begin(), sys.argv[4].encode()
    profile, mechanism_, hardware, profile_id, mechanism_type = 9, 7, 5, 0x601, 0x500
    word = lambda value: bytes(c.c_ulong(value))
    profiles = find(handle, (CLASS, profile))
    assert [get(handle, each, profile_id) for each in profiles] == [word(kind) for kind in (1, 2, 3)]
    assert find(handle) == profiles, "all that there is before a login"
    assert find(handle, (TOKEN, YES)) == profiles and find(handle, (TOKEN, NO)) == []
    assert find(handle, (CLASS, profile), (profile_id, 2)) == profiles[1:2] == find(handle, (LABEL, b"Extended Provider"))
    assert find(handle, (CLASS, profile), (profile_id, 4)) == [], "what is not promised"
    assert find(handle, (CLASS, hardware)) == []
    mechanisms = find(handle, (CLASS, mechanism_))
    count = c.c_ulong()
    good("C_GetMechanismList", 0, NULL, c.byref(count))
    kinds = (c.c_ulong * count.value)()
    good("C_GetMechanismList", 0, kinds, c.byref(count))
    assert [get(handle, each, mechanism_type) for each in mechanisms] == [word(kind) for kind in kinds][:100]
    assert find(handle, (mechanism_type, kinds[0])) == [], "only whoever asks for the class finds one"
    assert find(handle, (CLASS, mechanism_), (mechanism_type, kinds[3])) == mechanisms[3:4]
    good("C_Login", handle, 1, pin, len(pin))
    for thing in (profiles[0], mechanisms[0]):
        is_(PROHIBITED, call("C_DestroyObject", handle, thing))
        is_(PROHIBITED, change(handle, thing, (LABEL, b"x")))
        is_(PROHIBITED, call("C_CopyObject", handle, thing, NULL, 0, c.byref(c.c_ulong())))
        is_(0x60, call("C_SignInit", handle, c.byref(mechanism(ECDSA)), thing), "no key")
        is_(TYPE_INVALID, get(handle, thing, VALUE))
        good("C_GetObjectSize", handle, thing, c.byref(count))
        assert 8 <= count.value < 1000
    assert [get(handle, profiles[0], kind) for kind in (TOKEN, IS_PRIVATE, MODIFIABLE, COPYABLE, DESTROYABLE)] == [YES, NO, NO, NO, NO]
    assert len({get(handle, each, UNIQUE) for each in profiles}) == 3
    is_(TYPE_INVALID, get(handle, mechanisms[0], TOKEN), "a mechanism is nothing that is stored")
    assert find(handle, (CLASS, profile)) == profiles, "the same one has the same handle"
    assert make(handle, (CLASS, profile), (profile_id, 4), (TOKEN, YES))[0] != OK, "nobody adds one"
    other = session(1)
    assert [get(other, each, profile_id) for each in find(other, (CLASS, profile))] == [word(kind) for kind in (1, 2)]
    is_(OBJECT, get(other, profiles[0], CLASS), "of another token")
    good("C_Finalize", NULL)


run(globals())
