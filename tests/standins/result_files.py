"""Result files of trackers as random programs write them: numbers in any spelling, separators, line ends, damage."""

from __future__ import annotations

import random

SEPARATORS = (b",", b"\t", b" ", b";", b", ", b",,", b" , ", b"  ", b"|", b":")
ENDS = (
    b"\n",
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"\n\n",
    b" \n",
    b",\n",
    b"\x0b\n",
    b"\x0c",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"\x1c",
)
ODD = (
    b"nan",
    b"NaN",
    b"NAN",
    b"-nan",
    b"inf",
    b"-inf",
    b"Infinity",
    b"1e5",
    b"1E-3",
    b"1e400",
    b"1e",
    b"+3",
    b"--3",
    b".5",
    b"5.",
    b"1_0",
    b"0x10",
    b"",
    b"1,5",
    b'"7"',
    b"'7'",
    b"\xd9\xa3",
    b"\xef\xbc\x91",
    b"1d3",
    b"true",
    b"null",
    b"None",
    b"1.2.3",
    b"#",
    b"9" * 400,
    b"0" * 30 + b"1",
    b"1e-400",
    b"\x00",
    b"-0",
    b"1 2",
    b"\xa01",
    b"\xc2\xa03",
    b"4\xe2\x80\x89",
    b"\x1f6",
    b"6\x1c",
)


def result_file(chance: random.Random) -> bytes:
    """One file: mostly plain, with a few odd numbers, a stray byte, or one line too short or too long."""
    separator, end = (
        chance.choice(SEPARATORS[: chance.choice((2, 4, 10))]),
        chance.choice(ENDS[: chance.choice((3, 4, 13))]),
    )
    oddness = chance.choice((0.0, 0.02, 0.1))
    lines = [
        separator.join(_number(chance, oddness) for _ in range(_width(chance, oddness)))
        for _ in range(chance.randint(1, 12))
    ]
    data = (
        chance.choice((*[b""] * 6, b"\xef\xbb\xbf", b"x,y,w,h\n", b"\n", b" ", b"\x1f\x8b\x08\x00", b"x\x9c"))
        + end.join(lines)
        + chance.choice((b"", end))
    )
    for _ in range(chance.choice((0, 0, 0, 1, 3))):
        place = chance.randrange(len(data) + 1)
        data = data[:place] + bytes([chance.randrange(256)]) + data[place + chance.randint(0, 1) :]
    return data


def _width(chance: random.Random, oddness: float) -> int:
    return chance.choice((3, 5, 8, 1)) if chance.random() < oddness / 2 else 4


def _number(chance: random.Random, oddness: float) -> bytes:
    if chance.random() < oddness:
        return chance.choice(ODD)
    return chance.choice(
        (b"%d" % chance.randint(0, 900), b"%.4f" % chance.uniform(0, 900), b"%.7e" % chance.uniform(0, 900))
    )
