"""The command `tenfold bench`: find the engine, workers and batch size that load your shards fastest.

Every setting is timed on the training shards themselves (the first half gigabyte, read from the page cache): shuffled
batches on the device, whole epochs if they are short. The repeats of the settings take turns, so that a slow moment
of the machine affects all settings alike.
"""

import json
import os
import statistics
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tenfold.data.command import make_parser, run, whole_number
from tenfold.data.errors import ShardFault
from tenfold.data.tables import Train
from tenfold.train.bench.timing import Setting, measure, row_bytes

if TYPE_CHECKING:
    import torch

    from tenfold.data.shardset import ShardSet

SOME = 512 << 20             # so many bytes of pixels are read, rounded up to whole shards
WORTH = 1.05                 # a smaller gain is not reported: repeats of one setting differ as much


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = make_parser("tenfold bench", "Time loader settings on your own shards.")
    parser.add_shards()
    parser.add_argument("--out", default=".", help="folder for bench.json and bench.png (default: here)")
    parser.add_device()
    parser.add_argument("--repeats", type=partial(whole_number, least=1), default=3,
                        help="runs of each setting; the median counts (default: 3)")
    parser.add_argument("--budget", default="80s", help="time after which only first runs are begun (default: 80s)")
    return run(_bench, parser.parse_args(argv))


def _bench(args) -> dict:
    from tenfold.data.files import make_folder, publish_together
    from tenfold.data.recipe import parse_duration
    from tenfold.data.shardset import open_set
    from tenfold.train.inputs import named_recipe
    budget = parse_duration(args.budget)
    recipe, folder = named_recipe(args)
    shards = open_set(folder)
    if not shards.rows("train"):
        raise ShardFault(shards.shown, "holds no training rows", "name the shards of a recipe, not those of a score")
    out = make_folder(args.out)

    from tenfold.train.bench.figures import draw_bench
    from tenfold.train.device import choose_device, is_cuda, keep_freed_memory
    device = choose_device(args.device)
    cuda = is_cuda(device)
    keep_freed_memory()                          # as a training run does
    present, chosen = grid(recipe.train, shards, device)     # before the cut: "auto" depends on the whole set's size
    shards = first_shards(shards)
    shape = "×".join(map(str, shards.row_shape))
    print(f"{folder}: {shards.rows('train')} rows of {shape}, page cache warm, on {device}")
    if not cuda:
        print("pinned memory needs CUDA: here one row stands for both")
    rates, copied = measure(chosen, shards, recipe, device, args.repeats, time.monotonic() + budget)
    size = row_bytes(shards)
    rows = [_row(s, statistics.median(rates[s]), size) for s in chosen]
    baseline = statistics.median(copied)
    best = max((r for r in rows if r["batch_size"] == present.batch_size), key=lambda r: r["images_per_second"])
    now = rows[chosen.index(present)]
    facts = {"rows": rows, "best": best, "present": now, "device": str(device), "cores": os.cpu_count(),
             "repeats": min(map(len, rates.values())), "row_bytes": size,
             "memcpy": {"images_per_second": round(baseline, 1),
                        "gigabytes_per_second": round(baseline * size / 1e9, 4)}}
    with publish_together(out, ("bench.json", "bench.png")) as place:
        (place / "bench.json").write_text(json.dumps(facts, indent=1) + "\n")
        draw_bench(place / "bench.png", rows, baseline)
    _print(facts)
    print(f"see {out / 'bench.json'} and {out / 'bench.png'}")
    print(advice(best, now, cuda))
    return facts


def first_shards(shards: "ShardSet") -> "ShardSet":
    """Return the set, cut to its first training shards."""
    kept, rows = [], 0
    for shard in (s for s in shards.index["shards"] if s["split"] == "train"):
        if rows * row_bytes(shards) < SOME:
            kept.append(shard)
            rows += shard["rows"]
    return replace(shards, index=shards.index | {"shards": kept, "rows": shards.index["rows"] | {"train": rows}})


def grid(config: Train, shards: "ShardSet", device: "torch.device") -> tuple[Setting, list[Setting]]:
    """Return (the recipe's present setting, all settings to time, that one included)."""
    from tenfold.train.batches import engine_for
    from tenfold.train.device import is_cuda, is_host
    cuda = is_cuda(device)
    pins = (False, True) if cuda else (False,)
    many = [n for n in (1, 2, 4, 8) if n <= max(2, os.cpu_count() or 1)]
    batches = sorted({config.batch_rows, 4 * config.batch_rows})
    name = engine_for(config, shards, "train", device)
    of_memory = many if is_host(device) else [0]             # on a device, its rows are gathered by the device
    threads = max(1, config.workers)
    workers = {"memory": threads if is_host(device) else 0, "threads": threads, "dataloader": config.workers}[name]
    present = Setting(name, workers, config.pin_memory and cuda and name != "memory", config.batch_rows)
    fits = engine_for(replace(config, engine="auto"), shards, "train", device) == "memory"
    settings = [Setting(engine, count, pin, batch)
             for engine, counts in (("threads", many), ("dataloader", [0, *many]))
             for count in counts for pin in pins for batch in batches]
    if fits:
        settings = [Setting("memory", count, False, batch) for count in of_memory for batch in batches] + settings
    return present, list(dict.fromkeys([*settings, present]))


def _row(setting: Setting, rate: float, size: int) -> dict:
    return {"engine": setting.engine, "workers": setting.workers, "pin_memory": setting.pin_memory,
            "batch_size": setting.batch_size, "images_per_second": round(rate, 1),
            "gigabytes_per_second": round(rate * size / 1e9, 4)}


def _print(facts: dict) -> None:
    """Print the results as tables."""
    copy = facts["memcpy"]
    print("engine      workers  pinned  batch    images/s    GB/s  of a plain copy")
    for row in facts["rows"]:
        mark = " ← best" if row is facts["best"] else " ← the recipe's" if row is facts["present"] else ""
        pinned = "yes" if row["pin_memory"] else "no"
        print(f"{row['engine']:10}  {row['workers']:7}  {pinned:6}  {row['batch_size']:5}  "
              f"{row['images_per_second']:10,.0f}  {row['gigabytes_per_second']:6.2f}  "
              f"{row['images_per_second'] / copy['images_per_second']:6.0%}{mark}")
    print(f"a plain copy in memory, one core   {copy['images_per_second']:10,.0f}  {copy['gigabytes_per_second']:6.2f}")


def advice(best: dict, now: dict, cuda: bool) -> str:
    """Return the last line: what to put in the recipe, and what it gains."""
    gain = best["images_per_second"] / now["images_per_second"]
    if best is now or gain < WORTH:
        return (f"keep the recipe's [train] {_keys(now, cuda)}: {now['images_per_second']:,.0f} images/s; "
                f"no other setting gains {WORTH - 1:.0%}")
    return (f"put in the recipe's [train] {_keys(best, cuda)}: {best['images_per_second']:,.0f} images/s, "
            f"{gain:.2f} times the present {_keys(now, cuda)}")


def _keys(row: dict, cuda: bool) -> str:
    """Return the keys that matter: on a device, the engine "memory" has no workers; only CUDA uses pinned memory."""
    said = f'engine = "{row["engine"]}"'
    if row["engine"] == "memory" and not row["workers"]:
        return said
    pinned = f", pin_memory = {str(row['pin_memory']).lower()}" if cuda and row["engine"] != "memory" else ""
    return f"{said}, workers = {row['workers']}{pinned}"
