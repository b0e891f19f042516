"""Exceptions for faults in what the user gave, as opposed to faults in this program.

    UserFault                 exit code 2, one line: where, fact, cure
    ├── RecipeFault           a recipe file or a --set
    ├── SourceFault           the images and their labels
    ├── ShardFault            a shard set on disk
    ├── CheckpointFault       best.pth, last.pth
    ├── TrainingFault         a run that cannot go on (a loss that is not finite, a budget too small)
    └── MachineFault          disk, permission, device, a package that is not installed
"""

import errno

AUGMENT_AGAIN = "run `tenfold augment` again"        # the cure of a damaged set
EXIT_OK, EXIT_OURS, EXIT_USER, EXIT_INTERRUPTED = 0, 1, 2, 130

_NO_SPACE = {errno.ENOSPC: "no space left on the disk", errno.EDQUOT: "the disk quota is used up",
             errno.EFBIG: "the file is larger than this system allows"}
_NO_PERMISSION = {errno.EACCES: "permission denied", errno.EPERM: "operation not permitted",
                  errno.EROFS: "the file system is read-only"}
_UNREADABLE = {errno.EACCES: "permission denied", errno.EPERM: "operation not permitted",
               errno.EIO: "the disk reports an error"}


class UserFault(Exception):
    """A fault in what the user gave. `str(fault)` is the line that is shown: "where: fact; cure"."""

    def __init__(self, where: object, fact: str, cure: str = ""):
        self.where, self.fact, self.cure = str(where) or "''", fact, cure
        super().__init__(f"{self.where}: {fact}" + (f"; {cure}" if cure else ""))

    def __reduce__(self):  # worker processes return faults by pickling them
        return type(self), (self.where, self.fact, self.cure)


class RecipeFault(UserFault):
    """A recipe that cannot be followed."""


class SourceFault(UserFault):
    """Images or labels that cannot be used."""


class ShardFault(UserFault):
    """A shard set that is missing, unfinished, foreign or damaged."""


class CheckpointFault(UserFault):
    """A checkpoint that is missing, foreign or damaged."""


class TrainingFault(UserFault):
    """A training run that cannot go on as it was asked for."""


class MachineFault(UserFault):
    """Something that the machine lacks or refuses: space, permission, a device, a package."""


def machine_fault(error: BaseException, where: object) -> MachineFault | None:
    """Return the MachineFault for an OSError, also if HDF5 has wrapped it in another error; None for other errors."""
    if fact := _fact_of(error, _NO_SPACE):
        return MachineFault(where, fact, "free some space, or write to another disk")
    if fact := _fact_of(error, _NO_PERMISSION):
        return MachineFault(where, fact, "choose a place where you may write")
    return None


def unreadable(error: BaseException, where: object) -> MachineFault | None:
    """Return the MachineFault for a file that may be whole, but that the system does not let us read.

    None for other errors: those of a file that was read and has wrong content.
    """
    if fact := _fact_of(error, _UNREADABLE):
        return MachineFault(where, f"is unreadable ({fact})", "check its permissions, and the disk that it lies on")
    return None


def _fact_of(error: BaseException, facts: dict[int, str]) -> str:
    """Return the fact for an error's number, which HDF5 puts into the text of its own errors; "" if there is none."""
    code, text = getattr(error, "errno", None), str(error)
    return next((fact for number, fact in facts.items() if code == number or f"errno = {number}," in text), "")
