"""Mutate what Tenfold is given (pictures, recipes, arrays, folders, sets, checkpoints) and read it as the commands do.

What a case may end in: it is read, a picture is set aside in words, or the file is refused in one line. Each lane has a
limit of memory a little above what it begins with, and a limit of time for each case.
"""

import contextlib
import io
import os
import random
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.torture import tiny
from benchmarks.torture.inputs_made import checkpoint, index, shard_header, sources_header
from benchmarks.torture.inputs_runs import last_checkpoint, run_file
from benchmarks.torture.lanes import caught_noise
from benchmarks.torture.mutate import mutated_bytes, mutated_value
from benchmarks.torture.outcomes import MEMORY, NOISE, READ, REFUSED, SET_ASIDE, TRACEBACK

MEGABYTES = 700              # that a lane may take: a file of some kilobytes asks for more only where it lies
SECONDS = 10.0
_NO_WORDS = re.compile(r"\b\w*(Error|Exception)\b|\bNone\b|0x[0-9a-f]{8,}")
# not HDF5's "memory allocation failed": it asks for what a header declares, and touches none of it
_HUNGER = re.compile(r"(out of|in) memory|allocate memory|unable to allocate", re.IGNORECASE)


def try_input(base: Path, seed: int, kind: str, number: int) -> tuple[str, str]:
    """Make the mutated input of a number, and read it: (outcome, words)."""
    rng = random.Random(f"{seed}/input/{kind}/{number}")
    here = base / f"input {os.getpid()}"
    here.mkdir(exist_ok=True)
    try:
        read = KINDS[kind](base, here, rng)
        return judge(read)
    finally:
        shutil.rmtree(here, ignore_errors=True)


def judge(read: Callable[[], Any]) -> tuple[str, str]:
    """Call `read` and say what it ended in."""
    from tenfold.data.errors import UserFault
    from tenfold.preprocess.decode.levels import BadPicture
    noise: list[str] = []
    words, outcome = "", READ
    try:
        with caught_noise(noise), contextlib.redirect_stdout(io.StringIO()):
            read()
    except BadPicture as bad:
        words, outcome = str(bad), SET_ASIDE
    except UserFault as fault:
        words, outcome = str(fault), REFUSED
    except MemoryError as error:
        return MEMORY, f"MemoryError {error}"
    except Exception as error:
        trace = error.__traceback__
        while trace and trace.tb_next:
            trace = trace.tb_next
        where = f" in {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
        return TRACEBACK, f"{type(error).__name__}: {error}{where}"
    if noise and noise[0].strip():
        return NOISE, f"{noise[0][:300]} ({words})"
    if _HUNGER.search(words):
        return MEMORY, words
    return (NOISE, words) if outcome == SET_ASIDE and _NO_WORDS.search(words) else (outcome, words)


@cache
def _recipe() -> Any:
    from tenfold.data.recipe import make_recipe
    content = tiny.tables(tiny.BUILDS[0])
    arguments = {key: content["model"][key] for key in ("widths",)}
    return make_recipe({**content, "source": {"max_pixels": 1_000_000},
                        "model": {"name": "convnet", "args": arguments}})


def _picture(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    from benchmarks.torture.pictures import seeds
    from tenfold.preprocess.decode.picture import decode_any
    name, data = rng.choice(seeds())
    data = mutated_bytes(data, rng, rng.choice(seeds())[1])
    return lambda: decode_any(data, name, _recipe())


def _recipe_file(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    from tenfold.data.recipe import read_recipe
    setup = rng.choice((*tiny.BUILDS, *tiny.TRAININGS))
    content, path, more = tiny.tables(setup), here / "r.toml", []
    if rng.random() < 0.5:
        path.write_bytes(mutated_bytes(tiny.toml(content).encode(), rng))
    else:
        with contextlib.suppress(AttributeError, TypeError):
            content = mutated_value(content, rng)
        path.write_text(tiny.toml(content) if isinstance(content, dict) else repr(content), "utf-8", "surrogatepass")
    if rng.random() < 0.3:
        more = [mutated_bytes(b"train.lr=0.1", rng).decode("utf-8", "replace")]
    return lambda: read_recipe(path, more)


def _arrays(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    import numpy as np
    path = here / "x.npz"
    if rng.random() < 0.6:
        path.write_bytes(mutated_bytes((base / rng.choice(("packed.npz", "plain.npz"))).read_bytes(), rng))
    else:
        with np.load(base / "plain.npz") as z:
            arrays: dict[str, Any] = dict(z)
        for _ in range(rng.randint(1, 2)):
            name = rng.choice(("x", "y", "classes", "x_test", "groups", "split"))
            shape = rng.choice(((), (0,), (18,), (18, 3), (18, 24, 20), (18, 24, 20, 3), (17, 2, 2), (18, 1, 1)))
            dtype = rng.choice(("u1", "i8", "f4", "f8", "U3", "S4", "?", "c8", "M8[s]", "i2"))
            arrays[name] = np.frombuffer(rng.randbytes(40), "u1")[:1].astype("f8").repeat(int(np.prod(shape))) \
                .reshape(shape).astype("i8").astype(dtype)
        (np.savez if rng.random() < 0.5 else np.savez_compressed)(path, **arrays)

    def read() -> None:
        from tenfold.data.sources.opening import open_source
        from tenfold.preprocess.decode.picture import decode_any
        source = open_source(path)
        reader = source.reader(here)
        for row in range(min(len(source), 30)):
            decode_any(reader.read(row, source.paths[row]), source.paths[row], _recipe())
    return read


def _folder(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    from benchmarks.torture.pictures import seeds
    root = here / "images"
    names = ("a", "b", "train", "test", "val", "ß\x1b[2J", "x\ny", " ", "=c", "..a", ".h", "𝟛", "a" * 250, "\udcff")
    for _ in range(rng.randint(1, 8)):
        folder = root.joinpath(*rng.sample(names, rng.randint(0, 3)))
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(rng.randint(0, 4)):
                name, data = rng.choice(seeds())
                _odd_file(folder / f"{rng.choice(names)[:200]}{name[rng.randint(0, 2):]}", data, root, rng)
    root.mkdir(exist_ok=True)

    def read() -> None:
        from tenfold.data.sources.opening import open_source
        from tenfold.data.splits.groups import source_groups
        source = open_source(root)
        source_groups(rng.choice(("", "folder", "path:(.)")), source)
        reader = source.reader(here)
        for row in range(min(len(source), 5)):
            with contextlib.suppress(OSError):   # a build sets it aside
                reader.read(row, source.paths[row])
    return read


def _odd_file(path: Path, data: bytes, root: Path, rng: random.Random) -> None:
    way = rng.randrange(8)
    if os.path.lexists(path):
        return
    if way == 0:
        os.mkfifo(path)
    elif way == 1:
        path.symlink_to(rng.choice((root, path, root.parent, "/dev/zero", "/proc/self/mem", "nowhere")))
    elif way == 2:
        path.write_bytes(b"")
    else:
        path.write_bytes(data)


def _groups(base: Path, here: Path, rng: random.Random) -> Callable[[], Any]:
    path = here / "groups.csv"
    rows = [f"{name}/{i}.png,{rng.randint(0, 4)}" for name, count in tiny.CLASSES.items() for i in range(count)]
    path.write_bytes(mutated_bytes("\n".join(["path,group", *rows]).encode(), rng))

    def read() -> None:
        from tenfold.data.sources.opening import open_source
        from tenfold.data.splits.groups import source_groups
        source_groups(str(path), open_source(base / "pictures"))
    return read


KINDS: dict[str, Callable[[Path, Path, random.Random], Callable[[], Any]]] = {
    "pictures": _picture, "recipes": _recipe_file, "arrays": _arrays, "folders": _folder, "group tables": _groups,
    "dataset.json": index, "shard headers": shard_header, "sources.h5": sources_header, "checkpoints": checkpoint,
    "files of runs": run_file, "last.pth": last_checkpoint}
SHARES = {"pictures": 0.51, "recipes": 0.12, "arrays": 0.12, "folders": 0.05, "group tables": 0.03,
          "dataset.json": 0.05, "shard headers": 0.03, "sources.h5": 0.02,
          "checkpoints": 0.04, "files of runs": 0.025, "last.pth": 0.005}
