"""Run the attacks one after the other with a progress bar, and print one table of what came of them."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tqdm.auto import tqdm

from benchmarks.torture.lanes import Limits, Work, run_cases
from benchmarks.torture.outcomes import Count


@dataclass(frozen=True)
class Attack:
    """One kind of cases: what does one of them, how many there are, and their limits."""
    kind: str
    work: Work
    count: int
    limits: Limits = field(default_factory=Limits)
    numbers: Sequence[int] = ()                  # instead of 0 … count - 1


def run_attack(attack: Attack, lanes: int, until: float) -> Count:
    """Do all cases of an attack, or those that are done at time.monotonic() = `until`."""
    count, begin = Count(attack.kind), time.monotonic()
    numbers = attack.numbers or range(attack.count)
    try:
        with tqdm(total=len(numbers), desc=attack.kind, unit="case", disable=None, leave=False) as bar:
            for case in run_cases(numbers, attack.work, lanes, attack.limits):
                count.add(case)
                bar.update()
                bar.set_postfix_str(f"{count.failed} failed", refresh=False)
                if time.monotonic() > until:
                    break
    except KeyboardInterrupt:
        count.interrupted = True
    count.seconds = time.monotonic() - begin
    return count


def print_count(count: Count, width: int) -> None:
    """Print the row of one kind."""
    outcomes = ", ".join(f"{n:,} {name}" for name, n in count.outcomes.most_common())
    print(f"{count.kind:{width}}  {count.tried:7,}  {count.tried - count.failed:7,}  {count.failed:6,}  "
          f"{count.seconds:7.0f}  {outcomes}", flush=True)


def print_head(width: int) -> None:
    """Print the names of the columns."""
    print(f"{'kind':{width}}  {'tried':>7}  {'held':>7}  {'failed':>6}  {'seconds':>7}  what they ended in", flush=True)


def print_failures(counts: Sequence[Count], seed: int, most: int = 3) -> None:
    """Print the first failures of each kind, and the command that makes one again."""
    for count in counts:
        for case in count.failures[:most]:
            words = " ".join(case.words.split())
            print(f"{count.kind} {case.number}: {case.outcome}: {words[:400]}")
            print(f"  again: python -m benchmarks.torture "
                  f"--seed {seed} --case {count.kind.replace(' ', '_')}:{case.number}")


def facts(counts: Sequence[Count]) -> dict[str, Any]:
    """The table as plain values, for --json."""
    return {"rows": [{"kind": c.kind, "tried": c.tried, "held": c.tried - c.failed, "failed": c.failed,
                      "seconds": round(c.seconds, 1), "outcomes": dict(c.outcomes),
                      "failures": [[case.number, case.outcome, case.words] for case in c.failures]} for c in counts],
            "tried": sum(c.tried for c in counts), "failed": sum(c.failed for c in counts)}
