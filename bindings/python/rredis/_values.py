"""Replies as Python's own values: in C where the extension was built (_native.c), and otherwise over cffi."""

import os
import struct

from ._ffi import ffi, lib, raised, refusal
from .exceptions import Outcome, server_error

_way = os.environ.get("RREDIS_PYTHON")
native = None
if _way != "cffi":
    try:
        from ._native import value as native
    except ImportError:
        if _way == "native":
            raise

# kind, reserved, len, str, elements, integer, number
_node = struct.Struct("=iIQQQqd")
assert _node.size == ffi.sizeof("rredis_reply")
_walk = _node.iter_unpack
_unpack = ffi.unpack
_buffer = ffi.buffer
_cast = ffi.cast
# Below this a copy of the whole reply costs more than its nodes one by one.
_MANY = 8


def _error(text):
    if raised and text.startswith("CALLBACK "):
        original = refusal()
        if original is not None:
            return original
    if text.startswith("CALLBACK "):
        return server_error(text, Outcome.RAN)
    if text.startswith("UNKNOWN "):
        return server_error(text, Outcome.UNKNOWN)
    if text.startswith("NOT_SENT "):
        return server_error(text, Outcome.NOT_SENT)
    return server_error(text)


def _set(items):
    try:
        return set(items)
    except TypeError:
        return items


def _map(items):
    keys = items[::2]
    try:
        return dict(zip(keys, items[1::2]))
    except TypeError:
        return list(zip(keys, items[1::2]))


def reader(decode, native=native):
    """A function that makes a value of a reply: of bytes, or of str where decode is an encoding."""

    def value(node):
        kind = node.kind
        if kind == 10 or kind == 11:
            found = _unpack(node.str, node.len)
            return found.decode(decode) if decode else found
        if kind == 0:
            return None
        if kind == 1:
            return node.integer
        if kind == 2:
            return node.integer == 1
        if kind == 15:
            return node.number
        if kind == 12:
            return _error(_unpack(node.str, node.len).decode("utf-8", "replace"))
        if kind == 14:
            return int(_unpack(node.str, node.len))
        if kind < 20:
            found = _unpack(node.str, node.len)
            return found.decode(decode) if decode else found
        elements, items = node.elements, []
        for at in range(node.len):
            items.append(value(elements[at]))
        return items if kind == 20 or kind == 23 else _set(items) if kind == 21 else _map(items)

    def inner(blob, start, nodes, count):
        """Elements, out of a copy of the whole reply: an address minus that of the block is a place in the copy."""
        # The first byte of each kind: where all are STRING, places and lengths alone are looked at.
        if blob[nodes : nodes + 48 * count : 48] == b"\n" * count:
            fields = memoryview(blob)[nodes : nodes + 48 * count].cast("q")
            places = zip(fields[2::6].tolist(), fields[1::6].tolist())
            if decode:
                return [blob[(at := place - start) : at + length].decode(decode) for place, length in places]
            return [blob[(at := place - start) : at + length] for place, length in places]
        items = []
        for kind, _, length, string, elements, integer, number in _walk(memoryview(blob)[nodes : nodes + 48 * count]):
            if kind >= 20:
                found = inner(blob, start, elements - start, length) if length else []
                items.append(found if kind == 20 or kind == 23 else _set(found) if kind == 21 else _map(found))
            elif kind == 1:
                items.append(integer)
            elif kind == 0:
                items.append(None)
            elif kind == 2:
                items.append(integer == 1)
            elif kind == 15:
                items.append(number)
            else:
                found = blob[string - start : string - start + length]
                if kind == 12:
                    items.append(_error(found.decode("utf-8", "replace")))
                elif kind == 14:
                    items.append(int(found))
                else:
                    items.append(found.decode(decode) if decode else found)
        return items

    def root(node):
        kind, count = node.kind, node.len
        if kind < 20 or count < _MANY:
            return value(node)
        out = ffi.new("size_t *")
        whole = lib.rredis_reply_bytes(node, out)
        if not whole:
            # A part of a reply, as callbacks are shown.
            return value(node)
        blob, start = _buffer(whole, out[0])[:], int(_cast("uintptr_t", whole))
        items = inner(blob, start, int(_cast("uintptr_t", node.elements)) - start, count)
        return items if kind == 20 or kind == 23 else _set(items) if kind == 21 else _map(items)

    def natively(node):
        # A text or a number is sooner read where it is.
        return value(node) if node.kind < 20 else native(int(_cast("uintptr_t", node)), decode, _error)

    return natively if native else root


plain = reader(None)
