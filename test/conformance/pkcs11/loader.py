"""What applications of PKCS#11 here share: the module loaded as any application does, by dlopen, its structures, and the
steps that every scenario takes. A program of scenarios imports it whole and ends with `run(globals())`:

    PROGRAM.py MODULE SCENARIO CONFIG [ARGUMENT...]
"""
import ctypes as c
import sys

OK, HANDLE, ARGUMENTS, SESSION = 0, 0x60, 0x07, 0xB3
UNINITIALISED, TOO_SMALL, NOT_BEGUN, ACTIVE = 0x190, 0x150, 0x91, 0x90
NOT_LOGGED_IN, WRONG_PIN, LOGGED_IN, OBJECT = 0x101, 0xA0, 0x100, 0x82
SIGNATURE, SIGNATURE_LENGTH, KEY_TYPE, MECHANISM, PARAMETER = 0xC0, 0xC1, 0x63, 0x70, 0x71
SENSITIVE, NO_ATTRIBUTE, DATA_LENGTH, DATA = 0x11, 0x12, 0x21, 0x20
CLASS, LABEL, VALUE, MODULUS, PARAMS = 0, 3, 0x11, 0x120, 0x180
PUBLIC, PRIVATE = 2, 3
ECDSA, ECDSA_SHA256, RSA_PKCS, RSA_SHA256, PSS_SHA256, EDDSA, SHA256 = 0x1041, 0x1044, 1, 0x40, 0x43, 0x1057, 0x250
UNAVAILABLE = c.c_ulong(-1).value
NULL = None


class Mechanism(c.Structure):
    _fields_ = [("mechanism", c.c_ulong), ("parameter", c.c_void_p), ("length", c.c_ulong)]


class Attribute(c.Structure):
    _fields_ = [("type", c.c_ulong), ("value", c.c_void_p), ("length", c.c_ulong)]


class Arguments(c.Structure):
    _fields_ = [(name, c.c_void_p) for name in ("create", "destroy", "lock", "unlock")] + [("flags", c.c_ulong), ("reserved", c.c_char_p)]


module = c.CDLL(sys.argv[1])
CONFIG = sys.argv[3].encode()


def is_(wanted, got, what=""):
    if got != wanted:
        raise AssertionError(f"{what}: {got:#x}, not {wanted:#x}")


def call(name, *arguments):
    """Whole words for numbers: ctypes would pass an int."""
    function = getattr(module, name)
    function.restype = c.c_ulong
    return function(*[c.c_ulong(a) if isinstance(a, int) else a for a in arguments])


def good(name, *arguments):
    is_(OK, call(name, *arguments), name)


def begin(slot=0):
    good("C_Initialize", c.byref(Arguments(flags=2, reserved=CONFIG)))
    return session(slot)


def session(slot=0):
    handle = c.c_ulong()
    good("C_OpenSession", slot, 4 | 2, NULL, NULL, c.byref(handle))
    return handle.value


def mechanism(kind, parameter=b""):
    buffer = c.create_string_buffer(parameter, len(parameter)) if parameter else None
    made = Mechanism(kind, c.cast(buffer, c.c_void_p) if buffer else None, len(parameter))
    made.keep = buffer
    return made


def template(*pairs):
    made = (Attribute * len(pairs))()
    made.keep = []
    for place, (kind, value) in zip(made, pairs):
        value = bytes(c.c_ulong(value)) if isinstance(value, int) else value
        buffer = c.create_string_buffer(value, len(value))
        made.keep.append(buffer)
        place.type, place.value, place.length = kind, c.cast(buffer, c.c_void_p), len(value)
    return made


def find(handle, *pairs):
    wanted = template(*pairs)
    good("C_FindObjectsInit", handle, wanted, len(pairs))
    found, count = (c.c_ulong * 100)(), c.c_ulong()
    good("C_FindObjects", handle, found, 100, c.byref(count))
    good("C_FindObjectsFinal", handle)
    return list(found)[: count.value]


def key(handle, name, which):
    [found] = find(handle, (LABEL, name.encode()), (CLASS, which))
    return found


def sign(handle, kind, private, data, parameter=b""):
    good("C_SignInit", handle, c.byref(mechanism(kind, parameter)), private)
    length = c.c_ulong()
    good("C_Sign", handle, data, len(data), NULL, c.byref(length))
    needed = length.value
    length.value -= 1
    short = c.create_string_buffer(needed)
    is_(TOO_SMALL, call("C_Sign", handle, data, len(data), short, c.byref(length)), "too little room")
    is_(needed, length.value, "the length that is needed")
    good("C_Sign", handle, data, len(data), short, c.byref(length))
    is_(NOT_BEGUN, call("C_Sign", handle, data, len(data), short, c.byref(length)), "signing ends with the signature")
    return short.raw[: length.value]


def verify(handle, kind, public, data, signature, parameter=b""):
    good("C_VerifyInit", handle, c.byref(mechanism(kind, parameter)), public)
    return call("C_Verify", handle, data, len(data), signature, len(signature))


def run(scenarios):
    """Runs the scenario that the command line names."""
    scenarios[sys.argv[2]]()
