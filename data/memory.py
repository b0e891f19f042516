"""Find out how much memory is free on this machine, within the limits of the process and its cgroups."""

import os
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

from tenfold.data.errors import MachineFault

_SMALL = 64 << 20            # so many bytes are free on every machine; asking would take a tenth of a millisecond
_LEAST = 1 << 30             # bytes of address space that a command needs: numpy, torch and OpenCV take 0.7 GB
SCIPY = 256 << 20            # bytes that scikit-learn and scipy need when numpy is loaded: they take 200 MB
share = 0                    # bytes that this worker process may take, set by the process that started it; 0: all
# for each version of cgroups: its files of limits, its file of usage, the line of memory.stat with unused file cache
_V1 = (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")
_V2 = (("memory.max", "memory.high"), "memory.current", "inactive_file")


def free_host_memory(root: str | Path = "/") -> int:
    """Return the bytes that this process can take before the system swaps or kills it; a guess if that is not known.

    root: the folder of proc and sys.
    """
    found = [_available(Path(root)), *_free_in_cgroups(Path(root)), _free_addresses(Path(root))]
    known = [size for size in found if size is not None]
    return min(known) if known else os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def check_room(where: object, needed: int, purpose: str, cure: str) -> None:
    """Raise a MachineFault if this process may not take `needed` bytes. purpose: such as "to be decoded"."""
    if not is_room(needed):
        free = f"{format_bytes(share)} are free for each worker" if share else \
            f"{format_bytes(free_host_memory())} are free"
        raise MachineFault(where, f"needs about {format_bytes(needed)} of memory {purpose}, and {free}", cure)


def is_room(needed: int) -> bool:
    """Return whether this process may take `needed` bytes of memory; up to 64 MB always, without asking the system."""
    return needed <= _SMALL or needed <= (share or free_host_memory())


def format_bytes(size: int) -> str:
    """Write a number of bytes for people: "1.9 GB"."""
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"


def check_limit(needed: int = _LEAST) -> None:
    """Raise a MachineFault if the limit of this process (ulimit -v) leaves too little to load libraries.

    With too little, OpenBLAS, which numpy, scipy and OpenCV load, ends the process or hangs, and torch crashes.
    """
    left = _free_addresses(Path("/"))
    if left is not None and left < needed:
        raise MachineFault("memory", f"the limit of this process (ulimit -v) leaves {format_bytes(left)}",
                           f"allow {format_bytes(needed - left)} more")


def _free_addresses(root: Path) -> int | None:
    """Return the bytes left within the limit of this process (ulimit -v); None: no limit, or the usage is unknown."""
    limit, used = resource.getrlimit(resource.RLIMIT_AS)[0], _text(root / "proc/self/statm").split()
    if limit == resource.RLIM_INFINITY or not used:
        return None
    return max(0, limit - int(used[0]) * os.sysconf("SC_PAGE_SIZE"))


def _available(root: Path) -> int | None:
    """Return the bytes that are free or that the system can take back from its file cache; None: unknown."""
    kilobytes = re.search(r"^MemAvailable:\s*(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    if kilobytes:
        return int(kilobytes[1]) << 10
    return _mac_available(_output_of("vm_stat")) if sys.platform == "darwin" else None


def _mac_available(vm_stat: str) -> int | None:
    """Return the bytes of free and inactive pages that macOS's vm_stat prints; None: it does not say."""
    size = re.search(r"page size of (\d+) bytes", vm_stat)
    pages = re.findall(r"^Pages (?:free|inactive|speculative):\s*(\d+)", vm_stat, re.MULTILINE)
    return int(size[1]) * sum(map(int, pages)) if size and pages else None


def _free_in_cgroups(root: Path) -> Iterator[int]:
    """Yield the bytes left within each memory limit of this process's cgroup and the cgroups above it.

    Unused file cache counts as free: the system takes it back before it kills a process.
    """
    for (limits, used, cache), folder, top in _memory_cgroups(root):
        while True:
            bounds = [bound for name in limits if (bound := _number(folder / name)) is not None]
            usage = _number(folder / used)
            if bounds and usage is not None:
                inactive = re.search(rf"^{cache} (\d+)", _text(folder / "memory.stat"), re.MULTILINE)
                yield max(0, min(bounds) - max(0, usage - (int(inactive[1]) if inactive else 0)))
            if folder == top:
                break
            folder = folder.parent


def _memory_cgroups(root: Path) -> Iterator[tuple[tuple, Path, Path]]:
    """Yield (version, folder of this process's cgroup, folder of the topmost visible cgroup) for memory."""
    mounts = [line.split() for line in _text(root / "proc/self/mountinfo").splitlines()]
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        for mount in mounts:                     # … root, mount point, options … - type, source, options (proc(5))
            kind, options = mount[mount.index("-") + 1], mount[-1].split(",")
            if kind == ("cgroup" if controllers else "cgroup2") and (not controllers or "memory" in options):
                top = root / mount[4].lstrip("/")
                inside = os.path.relpath(path, mount[3])
                # inside a container, the path of its own cgroup may not exist: its root is this cgroup
                folder = top if inside.startswith("..") else top / inside
                yield (_V1 if controllers else _V2), folder if folder.is_dir() else top, top
                break


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None     # "max": no limit


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _output_of(command: str) -> str:
    import subprocess
    try:
        return subprocess.run([command], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
