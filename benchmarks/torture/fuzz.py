"""Fuzz the readers of recipes, dataset.json, sources.h5, arrays files and shards with atheris, guided by coverage.

    python -m benchmarks.torture.fuzz recipe --seconds 30

Half of the inputs are made by changes that keep a file's structure (a key or value of a recipe, a field of JSON, the
header of an array, a size or an address in HDF5's headers), the others by libFuzzer's own. It ends with 0 where every
input was refused in one line or read, else with libFuzzer's code; the input's bytes are printed. Without atheris it
says so and ends with 0: pip install atheris (Linux). `make torture ONLY=fuzz` runs all of them for its table.
"""

import argparse
import contextlib
import importlib.util
import io
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.torture import tiny
from benchmarks.torture.mutate import mutated_bytes, mutated_structure, mutated_value
from benchmarks.torture.outcomes import CRASH, HANG, MEMORY, TRACEBACK
from tenfold.data.digests import CHECKSUM
from tenfold.data.errors import UserFault
from tenfold.data.schema import INDEX

_ODD_WORDS = (b"", b"0", b"-1", b"18", b"9" * 19, b"'|O'", b"'<f8'", b"True", b"(", b",", b"[" * 50)     # of a header
READERS = ("recipe", "index", "npz", "shard", "sources")
_SHARD = "val-00000.h5"       # the smallest


def targets(folder: Path) -> dict[str, Callable[[bytes], object]]:
    """Return {name: the reader, to which bytes are given as a file}."""
    from tenfold.data.recipe import read_recipe
    from tenfold.data.shard import open_shard
    from tenfold.data.shardset import read_index
    from tenfold.data.source_table import read_source_table
    from tenfold.data.sources.opening import open_source

    def kept(data: bytes, name: str) -> Path:
        (folder / name).write_bytes(data)
        return folder / name
    index = json.loads((folder / "set" / INDEX).read_bytes())
    rows, shape = index["rows"]["val"], (*index["canvas"], 3)
    ends = len(index["classes"]), sum(tiny.CLASSES.values())
    return {"recipe": lambda data: read_recipe(kept(data, "r.toml")),
            "index": lambda data: read_index(kept(data, INDEX).parent),
            "npz": lambda data: open_source(kept(data, "a.npz")),
            "shard": lambda data: open_shard(kept(data, _SHARD), rows, shape, ends),
            "sources": lambda data: read_source_table(kept(data, "sources.h5").parent)}


def write_seeds(folder: Path) -> None:
    """Write folder/set and folder/<reader>/: for each reader sound files, from which the fuzzer starts."""
    tiny.write_sources(folder)
    tiny.write_recipes(folder)
    with contextlib.redirect_stdout(io.StringIO()):
        if tiny.build_body(folder, tiny.BUILDS[0], out=str(folder / "set"))():
            raise RuntimeError("the set to start from could not be built")
    files = {"recipe": sorted(folder.glob("*.toml")), "index": [folder / "set" / INDEX],
             "npz": [folder / "plain.npz", folder / "packed.npz"], "shard": [folder / "set" / _SHARD],
             "sources": [folder / "set" / "sources.h5"]}
    for name, paths in files.items():
        (folder / name).mkdir()
        for path in paths:
            (folder / name / path.name).write_bytes(path.read_bytes())
    unsigned = folder / "index" / INDEX          # else a checksum refuses all that is mutated
    unsigned.write_text(json.dumps({k: v for k, v in json.loads(unsigned.read_bytes()).items() if k != CHECKSUM}))


def structured(name: str, data: bytes, rng: random.Random) -> bytes:
    """Change what a file holds and keep its structure; whatever is no such file any more is changed as bytes."""
    try:
        if name == "recipe":
            import tomllib  # here, so that the reader's import of it is instrumented
            return tiny.toml(mutated_value(tomllib.loads(data.decode()), rng)).encode("utf-8", "surrogatepass")
        if name == "index":
            return json.dumps(mutated_value(json.loads(data), rng)).encode()
        if name == "npz":
            return _with_other_header(data, rng)
    except Exception:                            # it is not whole, in one of the parsers' many ways
        return mutated_bytes(data, rng)
    return mutated_structure(data, rng)


def _with_other_header(data: bytes, rng: random.Random) -> bytes:
    """Return an .npz in which the header of one array declares something else."""
    import zipfile
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        chosen = rng.choice(old.namelist())
        for name in old.namelist():
            array = old.read(name)
            if name == chosen:
                size = struct.unpack_from("<H", array, 8)[0]
                words = re.split(rb"(\d+|'[^']*'|True|False|[(),])", array[10:10 + size].rstrip())
                at = rng.randrange(len(words))
                words[at] = rng.choice((*_ODD_WORDS, words[rng.randrange(len(words))]))
                header = b"".join(words) + b"\n"
                array = array[:8] + struct.pack("<H", min(len(header), 65535)) + header + array[10 + size:]
            new.writestr(rng.choice((name, name, name, "x.npy")) if name == chosen else name, array)
    return out.getvalue()


def run_reader(seconds: int, seed: int, number: int) -> tuple[str, str]:
    """Fuzz one of READERS in a process of its own, for the table: (how many inputs held, or what did not, words)."""
    command = [sys.executable, "-m", "benchmarks.torture.fuzz", READERS[number], "--seconds", str(seconds), "--seed",
               str(seed)]
    ran = subprocess.run(command, capture_output=True, check=False)
    said = (ran.stdout + ran.stderr).decode("utf-8", "replace")
    done = re.search(r"Done (\d+) runs", said)
    if ran.returncode == 0 and done:
        return f"{int(done[1]):,} inputs held", ""
    words = said[-1500:]
    outcome = HANG if "ALARM" in said else MEMORY if "out-of-memory" in said else \
        TRACEBACK if "Uncaught Python exception" in said else CRASH
    return outcome, f"exit code {ran.returncode}: {words}"


def is_installed() -> bool:
    """Return whether there is atheris."""
    return importlib.util.find_spec("atheris") is not None


def main() -> int:
    """Fuzz one reader; ends the process with libFuzzer's exit code."""
    parser = argparse.ArgumentParser(description="Fuzz a reader, guided by coverage.")
    parser.add_argument("reader", choices=READERS)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    if not is_installed():
        print(f"fuzz {args.reader}: skipped, atheris is not installed")
        return 0
    import atheris
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with atheris.instrument_imports(include=["tenfold.data", "tomllib", "zipfile"]):
            write_seeds(folder)
            read = targets(folder)[args.reader]

        def one(data: bytes) -> None:
            with contextlib.suppress(UserFault):
                read(data)

        def mutate(data: bytes, most: int, seed: int) -> bytes:
            rng = random.Random(seed)
            found = structured(args.reader, data, rng) if rng.random() < 0.5 else atheris.Mutate(data, most)
            return bytes(found[:most])
        atheris.Setup([sys.argv[0], f"-max_total_time={args.seconds}", "-max_len=60000", "-rss_limit_mb=3000",
                       f"-seed={args.seed + 1}", "-timeout=20", f"-artifact_prefix={folder}/",
                       str(folder / args.reader)], one, custom_mutator=mutate)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
