"""The command `python -m benchmarks.torture`: all attacks, one table, exit code 1 where anything did not hold."""

import argparse
import os
import pickle
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.torture import cgroups, command_lines, disks, flips, fuzz, inputs, kills, kills_many, table, tiny
from benchmarks.torture.children import run_child
from benchmarks.torture.lanes import Limits
from benchmarks.torture.table import Attack
from tenfold.data.command import make_parser, run, whole_number
from tenfold.data.errors import EXIT_OK, EXIT_OURS, UserFault

ATTACKS = ("kills", "flips", "inputs", "lines", "disks", "memory", "fuzz")
FULL = {"kills_build": 600, "kills_train": 400, "kills_sweep": 16, "kills_folds": 48,
        "kills_compare": 24, "kills_predict": 60, "kills_auto": 12,
        "flips": 10_000, "inputs": 100_000, "lines": 600, "disks": 120, "memory": 90, "fuzz": 60}
SHORT = {"kills_build": 4, "kills_train": 2, "kills_sweep": 0, "kills_folds": 1,
         "kills_compare": 0, "kills_predict": 2, "kills_auto": 0,
         "flips": 130, "inputs": 1_500, "lines": 10, "disks": 3, "memory": 3, "fuzz": 0}


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = make_parser("python -m benchmarks.torture", "Kill, flip, mutate and fill up, and count what holds.")
    parser.add_argument("--only", nargs="+", choices=ATTACKS, default=list(ATTACKS), metavar="ATTACK",
                        help=f"some of {', '.join(ATTACKS)}")
    parser.add_argument("--short", action="store_true", help="the counts of `make test-slow`")
    for name, count in list(FULL.items())[:-1]:
        parser.add_argument(f"--{name.replace('_', '-')}", type=whole_number, metavar="N", help=f"(default: {count:,})")
    parser.add_argument("--fuzz", type=whole_number, metavar="SECONDS",
                        help=f"for each reader, with atheris (default: {FULL['fuzz']})")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no case after so many")
    parser.add_argument("--seed", type=whole_number, default=0)
    parser.add_argument("--lanes", type=whole_number, default=0, help="cases at a time (default: one for each core)")
    parser.add_argument("--case", metavar="KIND:NUMBER", help="only this one, as a failure names it")
    parser.add_argument("--folder", help="where the work is done (default: /dev/shm if there is one)")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command; its exit code: 1 where anything did not hold."""
    failed: list[int] = []
    return run(partial(torture, failed), arguments().parse_args(argv)) or (EXIT_OURS if failed else EXIT_OK)


def torture(failed: list[int], args: argparse.Namespace) -> dict[str, Any]:
    """Do the attacks and print their table; a number is added to `failed` for each kind in which any failed."""
    until = time.monotonic() + args.seconds
    counts = {name: n if (n := getattr(args, name)) is not None else (SHORT if args.short else FULL)[name]
              for name in FULL}
    shm = Path("/dev/shm")
    parent = args.folder or (shm if shm.is_dir() and shutil.disk_usage(shm).free > 1 << 30 else None)
    base = Path(tempfile.mkdtemp(prefix="tenfold-torture-", dir=parent)).resolve()
    owner = os.getpid()
    try:
        attacks = _chosen(_attacks(base, args.only, counts, args.seed), args.case)
        done = _run_all(attacks, args.lanes or os.cpu_count() or 1, until)
    finally:
        if os.getpid() == owner:
            shutil.rmtree(base, ignore_errors=True)
    table.print_failures(done, args.seed)
    failed += [count.failed for count in done if count.failed]
    if any(count.interrupted for count in done):
        raise KeyboardInterrupt("the table holds what was tried until then")
    return table.facts(done)


def _run_all(attacks: list[Attack], lanes: int, until: float) -> list[table.Count]:
    width = max((len(attack.kind) for attack in attacks), default=4)
    table.print_head(width)
    done = []
    for attack in attacks:
        done.append(table.run_attack(attack, lanes, until))
        table.print_count(done[-1], width)
        if done[-1].interrupted or time.monotonic() > until:
            break
    return done


def _chosen(attacks: list[Attack], case: str | None) -> list[Attack]:
    """The attacks with any cases; with --case that of its kind, and no other number."""
    if not case:
        return [attack for attack in attacks if attack.count]
    kind, _, number = case.rpartition(":")
    for attack in attacks:
        if attack.kind.replace(" ", "_") == kind and number.isdecimal():
            return [Attack(attack.kind, attack.work, 1, attack.limits, [int(number)])]
    raise UserFault("--case", f"{case} is none of this table", "copy it from a failure's line")


def _attacks(base: Path, only: list[str], counts: dict[str, int], seed: int) -> list[Attack]:
    """Make what is attacked; in the order of the table."""
    tiny.warm()
    tiny.write_sources(base)
    tiny.write_recipes(base)
    _child(tiny.build_body(base, tiny.BUILDS[0], out=str(base / "shards")), base)
    _child(tiny.training_body(base, tiny.TRAININGS[0]), base)
    makers = {"kills": _kills, "flips": _flips, "inputs": _inputs, "lines": _lines, "disks": _disks,
              "memory": _memory, "fuzz": _fuzz}
    return [attack for name in ATTACKS if name in only for attack in makers[name](base, counts, seed)]


def _child(body: Callable[[], int], folder: Path) -> None:
    ended = run_child(body, folder)
    if ended.code:
        raise RuntimeError(f"the preparation ended with {ended.code}: {ended.err[-2000:]}")


def _kills(base: Path, counts: dict[str, int], seed: int) -> list[Attack]:
    builds, trainings = {}, {}
    for setup, workers, name in map(kills.build_setup, range(counts["kills_build"])):
        if name not in builds:
            builds[name] = kills.alone(tiny.build_body(base, setup, workers), base / "alone", kills.set_content)
    for setup in tiny.TRAININGS[:counts["kills_train"]]:
        trainings[setup.name] = kills.alone(tiny.training_body(base, setup), base / "alone", kills.run_content)
    shutil.rmtree(base / "alone", ignore_errors=True)
    found = []
    for verb, signals, share in (("killed", (signal.SIGKILL,), 1.0), ("interrupted", kills.SIGNALS, 0.1)):
        for noun, work, known, name in (("builds", kills.kill_build, builds, "kills_build"),
                                        ("trainings", kills.kill_training, trainings, "kills_train")):
            found.append(Attack(f"{noun} {verb}", partial(work, base, known, seed, signals=signals),
                                -int(-counts[name] * share // 1), Limits(150)))
    alone = {name: kills_many.left_alone(base, name) for name in kills_many.COMMANDS if counts[f"kills_{name}"]}
    return found + [Attack(f"{name} killed", partial(kills_many.kill, base, alone, seed, name), counts[f"kills_{name}"],
                           Limits(240)) for name in alone]


def _prepare_flips(base: Path) -> None:
    if not (base / "flips").exists():
        _child(lambda: bool(not flips.prepare(base)), base)


def _inputs(base: Path, counts: dict[str, int], seed: int) -> list[Attack]:
    _prepare_flips(base)
    return [Attack(f"inputs: {kind}", partial(inputs.try_input, base, seed, kind), -int(-counts["inputs"] * share // 1),
                   Limits(inputs.SECONDS, inputs.MEGABYTES)) for kind, share in inputs.SHARES.items()]


def _lines(base: Path, counts: dict[str, int], seed: int) -> list[Attack]:
    return [Attack("command lines", partial(command_lines.run_line, base, seed), counts["lines"], Limits(150))]


def _disks(base: Path, counts: dict[str, int], seed: int) -> list[Attack]:
    if not counts["disks"]:
        return []
    work = partial(disks.fill_up, base, disks.known_runs(base), seed, disks.can_mount(base))
    return [Attack("full disks", work, counts["disks"], Limits(150))]


def _memory(base: Path, counts: dict[str, int], seed: int) -> list[Attack]:
    groups = cgroups.own_groups() if counts["memory"] else None
    if not groups:
        if counts["memory"]:
            print("memory: left out, no cgroup with a limit can be made here")
        return []
    work = partial(cgroups.run_short, base, disks.known_runs(base), seed, groups)
    return [Attack("too little memory", work, counts["memory"], Limits(330))]


def _fuzz(base: Path, counts: dict[str, int], seed: int) -> list[Attack]:
    seconds = counts["fuzz"]
    if seconds and not fuzz.is_installed():
        print("fuzz: left out, atheris is not installed (pip install atheris)")
        seconds = 0
    return [Attack(f"fuzz: {name}", partial(fuzz.run_reader, seconds, seed), bool(seconds), Limits(seconds + 120),
                   [number]) for number, name in enumerate(fuzz.READERS)]


def _flips(base: Path, counts: dict[str, int], seed: int) -> list[Attack]:
    if not counts["flips"]:
        return []
    _prepare_flips(base)
    known = pickle.loads((base / "flips" / flips.KNOWN).read_bytes())
    shares = {kind: 0.25 if kind in flips.SLOW else 1.0 for kind in flips.KINDS}
    each = counts["flips"] / sum(shares.values())
    return [Attack(f"flips: {kind}", partial(flips.flip, base, known, seed, kind), -int(-each * share // 1),
                   Limits(30, 2048)) for kind, share in shares.items()]
