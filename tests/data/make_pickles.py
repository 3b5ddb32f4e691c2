"""Writes pickles.json: real pickles in base64, as CPython makes them, and what Python prints of each value.

What Python prints at length is kept as its SHA-256, and what is large in protocol 4 alone. Of values made by size, the
pickles too are kept as their SHA-256.

Run with CPython 3.11 in this folder: python3 make_pickles.py
"""

import base64
import collections
import copyreg
import datetime
import hashlib
import json
import pickle

shared = [1, "two"]
PLAIN = {
    "the tutorial's": {1: "Hey", 2: "There"},
    "none": None,
    "booleans": [True, False],
    "ints of one byte": [0, 1, 127, 128, 255],
    "ints of two bytes": [256, 32767, 32768, 65535],
    "ints of four bytes": [65536, 2**31 - 1, -1, -128, -129, -(2**31)],
    "ints beyond 32 bits": [2**31, -(2**31) - 1, 2**32, 2**40, -(2**40)],
    "ints about 2**53": [2**53 - 1, 2**53, 2**53 + 1, -(2**53) + 1, -(2**53), -(2**53) - 1],
    "ints about 2**63": [2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 2**64],
    "ints of five to eight bytes": [s * 2**n + d for n in (31, 39, 47, 55) for s in (1, -1) for d in (-1, 0, 1)],
    "an int of 300 bytes": 3**1500,
    "a negative int of 300 bytes": -(3**1500),
    "floats": [0.5, -0.5, 1.5e300, 5e-324, 0.1, 123456.789],
    "floats without a fraction": [0.0, 1.0, -3.0, 1e15, 1e16, 1e22, 1e300],
    "floats that are none": [float("inf"), float("-inf")],
    "minus zero": -0.0,
    "small and large floats": [1e-5, 0.0001, 1.25e-7, 1234567890123456.7, 12345678901234567.8],
    "text": ["", "plain", "Zoë", "日本", "\U0001f469\u200d\U0001f467", "a\nb\t\\'", 'say "it\'s"'],
    "text with a replacement character": ["\ufffd", "\ufeffx", "x" * 50 + "\ufffd"],
    "text of 254 to 258 bytes": ["x" * 255, "x" * 256, "é" * 127, "é" * 128, "日" * 85, "日" * 86, "\U0001f469" * 64],
    "text of 300 bytes": "é" * 150,
    "text of 70,000 bytes": "x" * 70000,
    "bytes": [b"", b"plain", bytes(range(256)), b"it's", b'"'],
    "bytes of 70,000": b"\xff" * 70000,
    "lists": [[], [1], [1, [2, [3]]]],
    "a list of 2,500": list(range(2500)),
    "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), ((), ((),))],
    "dicts": [{}, {"a": 1}, {"a": {"b": {}}}, {None: 0, True: 1, 2: 2, "3": 3, (4, "5"): 4, b"6": 5}],
    "a dict of 1,500": {n: str(n) for n in range(1500)},
    "something shared": [shared, shared, (shared, {"again": shared})],
    "300 things stored": [[str(n)] for n in range(300)] + ["0"],
    "100 levels": None,
}
deep = []
for _ in range(99):
    deep = [deep]
PLAIN["100 levels"] = deep

# Sizes about the ends of batches and frames, and beyond.
SIZES = [*range(4), 255, 256, *range(999, 1003), *range(1999, 2003), *range(65532, 65538), 150000]
SIZED = {
    "list": lambda size: list(range(size)),
    "dict": lambda size: {n: None for n in range(size)},
    "text": lambda size: ["x" * size, None],
    "bytes": lambda size: [b"x" * size, None],
}


class Thing:
    def __init__(self):
        self.x = 1


class Evil:
    def __reduce__(self):
        return (print, ("your code here",))


class NewArgs:
    def __getnewargs_ex__(self):
        return ((), {"a": 1})

    def __new__(cls, a=0):
        return object.__new__(cls)


class Persistent(pickle.Pickler):
    def persistent_id(self, obj):
        return "id" if isinstance(obj, Thing) else None


cycle = []
cycle.append(cycle)
tuple_cycle = ([],)
tuple_cycle[0].append(tuple_cycle)
copyreg.add_extension("collections", "OrderedDict", 200)

REFUSED = {
    "a function to call": (Evil(), ["GLOBAL", "GLOBAL", "STACK_GLOBAL", "STACK_GLOBAL"]),
    "an object": (Thing(), ["GLOBAL", "GLOBAL", "STACK_GLOBAL", "STACK_GLOBAL"]),
    "an object with named arguments": (NewArgs(), ["GLOBAL", "GLOBAL", "STACK_GLOBAL", "STACK_GLOBAL"]),
    "a function": (len, ["GLOBAL", "GLOBAL", "STACK_GLOBAL", "STACK_GLOBAL"]),
    "an extension": (collections.OrderedDict(), ["EXT1"] * 4),
    "a date": (datetime.date(2026, 1, 1), ["GLOBAL", "GLOBAL", "STACK_GLOBAL", "STACK_GLOBAL"]),
    "a complex number": (1j, ["GLOBAL", "GLOBAL", "STACK_GLOBAL", "STACK_GLOBAL"]),
    "a set": ({1}, ["GLOBAL", "GLOBAL", "EMPTY_SET", "EMPTY_SET"]),
    "a frozen set": (frozenset([1]), ["GLOBAL", "GLOBAL", "FROZENSET", "FROZENSET"]),
    "a bytearray": (bytearray(b"x"), ["GLOBAL", "GLOBAL", "STACK_GLOBAL", "BYTEARRAY8"]),
    "bytes before protocol 3": (b"x", ["GLOBAL", None, None, None]),
    "a list inside itself": (cycle, ["cycles"] * 4),
    "a tuple inside itself": (tuple_cycle, ["cycles"] * 4),
}


class Out:
    """Where a Pickler writes."""

    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += data


def persistent(protocol):
    out = Out()
    Persistent(out, protocol).dump(Thing())
    return out.data


def out_of_band():
    return pickle.dumps(pickle.PickleBuffer(bytearray(b"x")), 5, buffer_callback=[].append)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def shown(value):
    text = repr(value)
    return {"repr": text} if len(text) < 1000 else {"sha256": sha256(text.encode())}


def protocols(value):
    """Protocol 2 has no bytes, it calls a function that makes them."""
    if len(repr(value)) > 20000:
        return [4]
    return range(3 if "b'" in repr(value) or 'b"' in repr(value) else 2, 6)


def row(name, protocol, data, **more):
    return {"name": name, "protocol": protocol, "base64": base64.b64encode(data).decode(), **more}


plain = [
    row(name, protocol, pickle.dumps(value, protocol), **shown(value))
    for name, value in PLAIN.items()
    for protocol in protocols(value)
]
refused = [
    row(name, protocol, pickle.dumps(value, protocol), names=names[protocol - 2])
    for name, (value, names) in REFUSED.items()
    for protocol in range(2, 6)
    if names[protocol - 2] is not None
]
refused += [row("a persistent id", protocol, persistent(protocol), names="BINPERSID") for protocol in range(2, 6)]
refused.append(row("a buffer out of band", 5, out_of_band(), names="NEXT_BUFFER"))
sized = {kind: {size: sha256(pickle.dumps(make(size), 4)) for size in SIZES} for kind, make in SIZED.items()}

with open("pickles.json", "w", encoding="utf-8") as file:
    json.dump({"plain": plain, "refused": refused, "sized": sized}, file, indent=1)
    file.write("\n")
