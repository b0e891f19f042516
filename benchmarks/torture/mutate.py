"""Mutate bytes, texts and nested values at random."""

import random
from typing import Any

_NUMBERS = (0, 1, 2, 3, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3.5, -0.0, 1e308, float("nan"), float("inf"), 2**31, 2**53, 2**63, -2**63, 2**64,
    10**30, "", "x", "0", "none", "auto", "../../x", "/dev/zero", "\x1b[2J\nx", "=cmd()", "é" * 300, "\0", [],
    [[]], {}, [0], [1, 2], ["a"], [None], [1e300] * 3, {"a": 1}, {"": {}}, list(range(50)))


def mutated_bytes(data: bytes, rng: random.Random, foreign: bytes = b"") -> bytes:
    """Change `data` in one to four ways, near its head as often as anywhere; foreign: another file, to splice with."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        _mutate_once(found, rng, foreign)
    return bytes(found)


def mutated_structure(data: bytes, rng: random.Random) -> bytes:
    """Change bytes, numbers and addresses where `data` holds any: in the headers of a binary file between its gaps."""
    found = bytearray(data)
    places = [at for at, byte in enumerate(data[:1 << 16]) if byte not in (0, 255)] or [0]
    for _ in range(rng.choice((1, 1, 2, 3))):
        at, way = rng.choice(places), rng.randrange(4)
        if way == 0:
            found[at] ^= 1 << rng.randrange(8)
        elif way == 1:
            found[at] = rng.choice((0, 1, 2, 3, 127, 128, 255, rng.randrange(256)))
        elif way == 2:
            size = rng.choice((1, 2, 4, 8))
            found[at:at + size] = (rng.choice(_NUMBERS) % (1 << 8 * size)).to_bytes(size, "little")
        else:                                    # an address of another place
            found[at & ~7:(at & ~7) + 8] = (rng.choice(places) & ~7).to_bytes(8, "little")
    return bytes(found)


def _mutate_once(data: bytearray, rng: random.Random, foreign: bytes) -> None:
    if not data:
        data += rng.randbytes(rng.randint(0, 40))
        return
    at = rng.randrange(min(len(data), rng.choice((32, 128, 512, 1 << 30))))
    way = rng.randrange(9)
    if way == 0:
        data[at] ^= 1 << rng.randrange(8)
    elif way == 1:
        data[at] = rng.choice((0, 255, 127, 128, rng.randrange(256)))
    elif way == 2:
        size = rng.choice((1, 2, 4, 8))
        number = rng.choice(_NUMBERS) % (1 << 8 * size)
        data[at:at + size] = number.to_bytes(size, rng.choice(("little", "big")))
    elif way == 3:
        del data[rng.randint(0, len(data)):]
    elif way == 4:
        del data[at:at + rng.randint(1, 16)]
    elif way == 5:
        data[at:at] = rng.randbytes(rng.randint(1, 16))
    elif way == 6:
        size = rng.randint(1, 64)
        data[at:at] = data[at:at + size] * rng.choice((1, 2, 50))
    elif way == 7 and foreign:
        cut = rng.randrange(len(foreign))
        data[at:] = foreign[cut:cut + 4096]
    else:
        size = rng.randint(1, 32)
        data[at:at + size] = rng.randbytes(size)


def mutated_value(value: Any, rng: random.Random, odd: tuple[Any, ...] = ODD) -> Any:
    """A copy of a nested value of dictionaries and lists in which one or two things are odd, missing or too many."""
    for _ in range(rng.choice((1, 1, 2))):
        places = list(_places(value))
        value = _changed(value, rng.choice(places) if places else (), rng, odd)
    return value


def _places(value: Any, above: tuple = ()) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value[:20]) if isinstance(value, list) else ()
    for key, one in items:
        yield (*above, key)
        yield from _places(one, (*above, key))


def _changed(value: Any, place: tuple, rng: random.Random, odd: tuple[Any, ...]) -> Any:
    if not place:
        return rng.choice(odd)
    key, *rest = place
    found: Any = dict(value) if isinstance(value, dict) else list(value)
    if rest:
        found[key] = _changed(found[key], tuple(rest), rng, odd)
        return found
    way = rng.randrange(6)
    if way == 0:
        del found[key]
    elif way == 1 and isinstance(found, dict):
        found[rng.choice(("x", "", f"{key}s", "\x1b[2J"))] = found[key]
    elif way == 1:
        found += [found[key]] * rng.choice((1, 3, 1000))
    elif way == 2 and isinstance(found[key], (int, float)) and not isinstance(found[key], bool):
        found[key] = rng.choice((-1, 0, 2, 10, 1e6, 0.5)) * found[key]
    else:
        found[key] = rng.choice(odd)
    return found
