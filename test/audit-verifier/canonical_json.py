"""Canonical JSON, as docs/design/audit-format.md "Canonical JSON" has it: the parts of RFC 8785 that a log uses."""

import json
import re
from functools import lru_cache

_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}

_ESCAPED = re.compile(r'["\\\x00-\x1f]')


class NotCanonical(ValueError):
    """The text is no JSON, or another text says the same canonically."""


def _pairs(pairs):
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotCanonical("a member name stands twice")
    return made


def _refused(text):
    raise NotCanonical(f"a number that logs do not have: {text[:40]}")


def _string(text):
    return '"' + _ESCAPED.sub(lambda found: _SHORT.get(found[0]) or f"\\u{ord(found[0]):04x}", text) + '"'


def _text(value):
    if value is True or value is False or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        if not 0 <= value < 2**53:
            _refused(str(value))
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(f"{_string(name)}:{_text(value[name])}" for name in names) + "}"


def parse(text):
    """The value of a JSON text (bytes) without double members and other numbers than integers from 0 to 2**53 - 1."""
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_pairs, parse_float=_refused, parse_constant=_refused
        )
    except UnicodeDecodeError as error:
        raise NotCanonical("not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, NotCanonical) else NotCanonical(f"no JSON: {error}") from error


@lru_cache(maxsize=8192)
def canonical_object(text):
    """The JSON object that `text` (bytes) is, when it is its own canonical form. Not to be changed: it is remembered."""
    value = parse(text)
    if not isinstance(value, dict):
        raise NotCanonical("no JSON object")
    try:
        again = _text(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise NotCanonical("half of a surrogate pair") from error
    if again != text:
        raise NotCanonical("not in canonical form")
    return value


def ordered_members(text):
    """Names and values of an object in a line of the checkpoint file, in the order in which they stand."""
    value = parse(text)
    if not isinstance(value, dict):
        raise NotCanonical("no JSON object")
    again = "{" + ",".join(f"{_string(name)}:{_text(member)}" for name, member in value.items()) + "}"
    if again.encode("utf-8", "surrogatepass") != text:
        raise NotCanonical("not as a checkpoint file writes it")
    return value
