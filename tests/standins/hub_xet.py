"""The storage behind xet as hf-xet 1.8 speaks to it: blocks of chunks (xorbs), and shards that say what they make.

The layouts are those of the xet protocol. Hashes are written as four 64-bit numbers, each back to front.
"""

from __future__ import annotations

import hashlib
import struct

HEADER, RECORD = 48, 48
END = b"\xff" * 32
VERIFIED, WITH_SHA256 = 1 << 31, 1 << 30
PLAIN, LZ4, GROUPED_LZ4 = range(3)


def chunks(xorb):
    """The chunks of a block: each has its version, its packed length, how it is packed, and its length."""
    found, at = [], 0
    while at < len(xorb):
        packed, size = (int.from_bytes(xorb[at + n : at + n + 3], "little") for n in (1, 5))
        found.append(_unpacked(xorb[at + 4], xorb[at + 8 : at + 8 + packed], size))
        at += 8 + packed
    return found


def _unpacked(scheme, data, size):
    import pyarrow

    if scheme == PLAIN:
        return data
    whole = pyarrow.decompress(data, size, codec="lz4", asbytes=True)
    if scheme == LZ4:
        return whole
    grouped, start = bytearray(size), 0
    for place in range(4):  # all first bytes of four, all second ones, ...
        length = len(range(place, size, 4))
        grouped[place::4] = whole[start : start + length]
        start += length
    return bytes(grouped)


def files(shard, xorbs):
    """The files of a shard by their SHA-256; ``xorbs`` are the blocks' chunks by their hash.

    Raises:
        KeyError, ValueError: a block is not there, or the file is another one than the shard says.
    """
    found, at = {}, HEADER
    while shard[at : at + 32] != END:
        flags, terms = struct.unpack_from("<II", shard, at + 32)
        at += RECORD
        data = b""
        for _ in range(terms):
            _, _, first, last = struct.unpack_from("<IIII", shard, at + 32)
            data += b"".join(xorbs[_name(shard[at : at + 32])][first:last])
            at += RECORD
        at += RECORD * terms * bool(flags & VERIFIED)
        sha256 = _name(shard[at : at + 32]) if flags & WITH_SHA256 else hashlib.sha256(data).hexdigest()
        at += RECORD * bool(flags & WITH_SHA256)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise ValueError("another checksum")
        found[sha256] = data
    return found


def _name(raw):
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", raw))
