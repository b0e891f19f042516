"""Damage a file by one bit, at one place after another."""

import random
from collections.abc import Iterator
from pathlib import Path


def each_flip(path: Path, count: int, last: int = 120) -> Iterator[int]:
    """Yield `count` places (byte numbers), each with one bit of the file flipped there; a third lie in its last bytes.

    Afterwards the file is whole again, as another file of the same name.
    """
    whole, rng = path.read_bytes(), random.Random(path.name)
    try:
        for number in range(count):
            first = max(0, len(whole) - last) if number % 3 == 0 else 0
            place = rng.randrange(first, len(whole))
            damaged = bytearray(whole)
            damaged[place] ^= 1 << rng.randrange(8)
            path.write_bytes(damaged)
            yield place
    finally:
        path.unlink()
        path.write_bytes(whole)
