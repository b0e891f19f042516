"""What a case of an attack ends in, and the count of a kind of cases."""

from collections import Counter
from dataclasses import dataclass, field

# what holds
SAME = "same result"
REFUSED = "refused in one line"
READ = "read"
SET_ASIDE = "set aside in words"
TOLD = "read, with a note"
DONE = "done"
KERNEL = "ended by the kernel"
# what does not
SILENT = "SILENT DIFFERENCE"
TRACEBACK = "TRACEBACK"
CRASH = "CRASH"
HANG = "HANG"
MEMORY = "MEMORY"
NOISE = "NOISE"              # a library's own words on standard error, or a reason that is no words
LINES = "NOT ONE LINE"       # or another exit code than that of a refusal
LEFT = "LEFT BEHIND"         # a process, a temporary file, shared memory
FAILED = (SILENT, TRACEBACK, CRASH, HANG, MEMORY, NOISE, LINES, LEFT)
KEPT = 20                    # failures of a kind that are named


@dataclass(frozen=True)
class Case:
    """One case: its number, which with the seed makes it again, what it ended in, and the words for that."""
    number: int
    outcome: str
    words: str = ""

    @property
    def held(self) -> bool:
        """Return whether Tenfold did what it promises."""
        return self.outcome not in FAILED


@dataclass
class Count:
    """The cases of one kind."""
    kind: str
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[Case] = field(default_factory=list)       # the first of them
    seconds: float = 0.0
    interrupted: bool = False

    def add(self, case: Case) -> None:
        """Count one attack by what it ended in."""
        self.outcomes[case.outcome] += 1
        if not case.held and len(self.failures) < KEPT:
            self.failures.append(case)

    @property
    def tried(self) -> int:
        """How many cases there were."""
        return self.outcomes.total()

    @property
    def failed(self) -> int:
        """How many did not hold."""
        return sum(self.outcomes[name] for name in FAILED)
