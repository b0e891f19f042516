"""Free memory: what the system can hand out, not what lies idle, and never more than a cgroup allows."""

import contextlib
import os

import numpy as np
import pytest
import torch
from cases import each

from tenfold.data import memory
from tenfold.data.errors import MachineFault
from tenfold.data.memory import check_limit, check_room, free_host_memory
from tenfold.train import device as devices
from tenfold.train.device import free_device_memory, free_memory
from tenfold.train.learn.one_pass import NotDoneError, check_memory
from tenfold.train.score.metrics import measure

GB, FREE = 1 << 30, 20       # GB that are available in the machine
MOUNTS = {1: "35 31 0:32 {top} /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
          "36 31 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n",
          2: "30 23 0:27 {top} /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"}
CGROUPS = {1: "9:cpu,cpuacct:/\n4:memory:{path}\n0::/\n", 2: "0::{path}\n"}
NAMES = {1: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
         2: ("memory.max", "memory.current")}


def machine(root, version, groups, path="/job/step", top="/"):
    """A /proc and /sys with these cgroups: {folder below the mount: (limit, used, unused file cache) in GB}."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: {64 << 20} kB\nMemFree: {1 << 20} kB\n"
                                       f"MemAvailable:   {FREE << 20} kB\n")
    (root / "proc/self/cgroup").write_text(CGROUPS[version].format(path=path))
    (root / "proc/self/mountinfo").write_text(MOUNTS[version].format(top=top))
    limit_name, usage_name = NAMES[version]
    for folder, (limit, used, cache) in groups.items():
        here = root / ("sys/fs/cgroup/memory" if version == 1 else "sys/fs/cgroup") / folder
        here.mkdir(parents=True, exist_ok=True)
        unlimited = "max" if version == 2 else str(2**63 - 4096)
        (here / limit_name).write_text(f"{unlimited if limit is None else limit * GB}\n")
        (here / usage_name).write_text(f"{used * GB}\n")
        (here / "memory.stat").write_text(f"cache 5\ninactive_file {cache * GB}\ntotal_inactive_file {cache * GB}\n")
    return root


@each("version", [1, 2])
@each(("groups", "free"), [
    ({".": (None, 40, 1), "job": (None, 9, 1), "job/step": (None, 5, 1)}, FREE),     # no limit: what is available
    ({"job/step": (8, 5, 0)}, 3),
    ({"job/step": (8, 5, 2)}, 5),                        # unused file cache can be taken back
    ({"job": (10, 9, 0), "job/step": (8, 1, 0)}, 1),     # the tightest of a group and those above it
    ({".": (12, 11, 9), "job/step": (8, 1, 0)}, 7),
    ({"job/step": (100, 5, 0)}, FREE),
    ({"job/step": (4, 5, 0)}, 0)])                       # over the limit: nothing is left
def test_free_is_what_is_available_within_every_limit(tmp_path, version, groups, free):
    assert free_host_memory(machine(tmp_path, version, {"job/step": (None, 0, 0)} | groups)) == free * GB


@each("version", [1, 2])
@each(("path", "top"), [("/docker/ab", "/docker/ab"), ("/docker/ab", "/"), ("/../..", "/"), ("/", "/")])
def test_a_container_that_sees_its_own_cgroup_as_the_root_has_its_limit(tmp_path, version, path, top):
    assert free_host_memory(machine(tmp_path, version, {".": (6, 4, 1)}, path, top)) == 3 * GB


def test_without_a_word_of_the_system_it_is_half_of_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sysconf", {"SC_PHYS_PAGES": 10, "SC_PAGE_SIZE": 4096}.__getitem__)
    assert free_host_memory(tmp_path) == 5 * 4096


def test_macos_counts_pages_that_it_can_hand_out(tmp_path, monkeypatch):
    said = ("Mach Virtual Memory Statistics: (page size of 16384 bytes)\nPages free:                       100.\n"
            "Pages active:                     900.\nPages inactive:                   800.\n"
            "Pages speculative:                 20.\nPages wired down:                 300.\n")
    monkeypatch.setattr("sys.platform", "darwin")
    monkeypatch.setattr(memory, "_output_of", {"vm_stat": said}.__getitem__)
    assert free_host_memory(tmp_path) == 920 * 16384


@pytest.mark.parametrize(("host", "device", "free"), [(7, 9, 7), (9, 7, 7)])
def test_on_cuda_it_is_the_smaller_of_host_and_device(monkeypatch, host, device, free):
    monkeypatch.setattr(devices, "free_host_memory", lambda: host)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda asked: (device, 80))
    assert free_memory(torch.device("cuda")) == free
    assert free_device_memory(torch.device("cuda")) == device
    assert free_memory(torch.device("cpu")) == free_device_memory(torch.device("cpu")) == host


def test_features_may_take_a_third_of_the_memory_that_is_free_where_they_lie(monkeypatch):
    monkeypatch.setattr(devices, "free_host_memory", lambda: 30)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda asked: (9000, 9000))
    for name, most in (("cuda", 3000), ("cpu", 10)):
        check_memory(most, torch.device(name))
        with pytest.raises(NotDoneError, match="more than a third of the free memory"):
            check_memory(most + 1, torch.device(name))


def test_the_limit_of_the_process_itself_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(memory.resource, "getrlimit", lambda which: (5 * GB, 5 * GB))
    root = machine(tmp_path, 2, {"job/step": (None, 0, 0)})
    (root / "proc/self/statm").write_text(f"{2 * GB // os.sysconf('SC_PAGE_SIZE')} 1 1 1 0 1 0\n")
    assert free_host_memory(root) == 3 * GB


def test_a_limit_under_which_libraries_would_end_the_process_is_refused(monkeypatch):
    monkeypatch.setattr(memory, "_free_addresses", lambda root: 300_000_000)
    with pytest.raises(MachineFault, match=r"memory: the limit of this process \(ulimit -v\) leaves 0\.3 GB; allow 0"):
        check_limit()
    for needed, refused in ((300_000_001, True), (300_000_000, False)):
        with pytest.raises(MachineFault) if refused else contextlib.nullcontext():
            check_limit(needed)
    monkeypatch.setattr(memory, "_free_addresses", lambda root: 200_000_000)
    with pytest.raises(MachineFault, match="leaves"):     # before scikit-learn is imported
        measure(np.eye(2), np.arange(2), ["a", "b"])
    monkeypatch.setattr(memory, "_free_addresses", lambda root: None)
    check_limit()


def test_what_is_not_there_is_refused_in_words(monkeypatch):
    monkeypatch.setattr(memory, "free_host_memory", lambda: GB)
    check_room("a.png", GB, "to be decoded", "lower it")
    with pytest.raises(MachineFault, match=r"a.png: needs about 1\.9 GB of memory to be decoded, and 1\.1 GB are free; "
                                           "lower it"):
        check_room("a.png", 1_900_000_000, "to be decoded", "lower it")
