"""Where the memory is used up a command says so in one line, and train.batch = "auto" keeps within it."""

import errno
import threading

import cv2
import numpy as np
import pytest
import torch
import train_helpers as t
from cases import each
from train_helpers import place  # noqa: F401  (every test here stands in a folder of its own)

import tenfold
from tenfold.data.errors import MachineFault, RecipeFault, UserFault
from tenfold.data.out_of_memory import memory_fault
from tenfold.data.recipe import change_recipe, make_recipe
from tenfold.data.shardset import open_set
from tenfold.train import barrier_sleep, model_file
from tenfold.train import device as devices
from tenfold.train.barrier_sleep import BarrierSleep, LoadWatcher
from tenfold.train.cpu_load import Load
from tenfold.train.learn.learner import Learner
from tenfold.train.run import batch_size
from tenfold.train.run.checkpoint import load
from tenfold.train.score import evaluate
from tenfold.train.sweep.space import grid, parse_space, with_settings

CUDA = ("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 14.58 GiB of which 3.1 GiB is "
        "free.")


@each("error", [
    torch.OutOfMemoryError(CUDA), RuntimeError("CUDA error: out of memory"), MemoryError(),
    RuntimeError("MPS backend out of memory (MPS allocated: 9 GB, max allowed: 9 GB). Tried to allocate 256 bytes"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
                 "to allocate 400000000000 bytes. Error code 12 (Cannot allocate memory)"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4096 bytes."),
    cv2.error("OpenCV(4.12.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9000000000 bytes in "
              "function 'OutOfMemoryError'"), RuntimeError("std::bad_alloc"), RuntimeError("can't start new thread"),
    OSError(errno.ENOMEM, "Cannot allocate memory"), OSError("Can't read data (memory allocation failed for chunk)"),
    SystemError("error return without exception set"),
    RuntimeError("could not create a primitive"), RuntimeError("could not create a memory object"),
    ImportError("libopenblas.so: failed to map segment from shared object")], ids=str)
def test_however_it_is_said_it_becomes_one_line(error):
    with pytest.raises(MachineFault, match=r"memory: is used up in training.*; lower it") as caught, \
            memory_fault("training", "lower it"):
        raise error
    assert (" to allocate" in str(error)) == ("more were asked for" in str(caught.value)) or "ALLOC" in str(error)


def test_as_numpy_and_torch_say_it_here():
    for wasteful in (lambda: torch.empty(2 ** 60, dtype=torch.uint8), lambda: np.empty(2 ** 60, np.uint8)):
        with pytest.raises(MachineFault, match="more were asked for"), memory_fault("training", "lower it"):
            wasteful()


def test_other_errors_stay_what_they_are():
    for error in (RuntimeError("shapes do not match"), UserFault("out of memory.png", "is odd"),
                  FileNotFoundError(errno.ENOENT, "No such file", "out of memory.png")):
        with pytest.raises(type(error)), memory_fault("training", "lower it"):
            raise error


def test_training_scoring_and_predicting_say_it_with_the_cure(shards, capsys, monkeypatch):
    def used_up(*what, **more):
        raise torch.OutOfMemoryError(CUDA)
    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", used_up)
        line = t.one_line(t.train(capsys, shards))
    assert "20.00 GiB" in line
    assert "train.batch" in line
    assert "model.size" in line
    assert t.train(capsys, shards, "--set", "train.epochs=1").code == 0
    for module in (evaluate, model_file):
        monkeypatch.setattr(module, "forward", used_up)
    assert "--device cpu" in t.one_line(t.score(capsys, "best.pth", "--shards", shards))
    with pytest.raises(MachineFault, match=r"20\.00 GiB"):
        tenfold.load("best.pth").predict(t.stripe(0, np.random.default_rng(0)))


AUTO = ("--set", "train.batch=auto")


def test_auto_is_said_kept_and_resumed(shards, capsys, monkeypatch):
    assert t.train(capsys, shards, "--set", "train.batch=128", out="runs/given").code == 0
    t.killed_at(2, capsys, shards, *AUTO)
    assert "train.batch auto: 128 images" in capsys.readouterr().out
    monkeypatch.setattr(batch_size, "free_device_memory", lambda device: 1)       # another choice, now
    ran = t.train(capsys, shards, *AUTO, "--resume")
    assert ran.code == 0
    assert load("runs/x/last.pth")["recipe"]["train"]["batch"] == 128
    assert t.same_weights("runs/x/last.pth", "runs/given/last.pth")        # trying left no trace


@each(("free", "expected"), [(10**12, 128), (0, 1), (40_000_000, 64)])
def test_on_a_processor_it_is_computed(shards, monkeypatch, free, expected):
    chosen = chosen_batch(shards, monkeypatch, free, "cpu")
    assert chosen == expected if expected != 64 else 1 < chosen < 128


def test_in_lower_precision_no_fewer_images_fit(shards, monkeypatch):
    wide = "model.widths=[8,512]"                # whose weights are copied into that precision, once for all images
    whole, half = (chosen_batch(shards, monkeypatch, 100_000_000, "cpu", f"train.precision={precision}", wide)
                   for precision in ("float32", "bfloat16"))
    assert 1 < whole <= half


def chosen_batch(shards, monkeypatch, free, device, *sets) -> int:
    opened = open_set(shards)
    recipe = change_recipe(opened.recipe, ["train.batch=auto", "train.engine=threads", "train.precision=float32",
                                           *sets])
    monkeypatch.setattr(batch_size, "free_device_memory", lambda device: free)
    return batch_size.choose_batch(opened, recipe, torch.device(device)).train.batch


@each(("free", "expected"), [(10**12, 128), (32_000, 32), (31_000, 16), (10, 1)])
def test_on_a_card_it_is_tried(shards, monkeypatch, free, expected):
    """A card where a row takes 800 bytes and a batch beyond 64 raises."""
    tried = []

    class Peak:
        def __init__(self, device):
            pass

        def __enter__(self):
            return lambda: 800 * tried[-1]

        def __exit__(self, *error):
            pass

    def example(self, rows, row_shape):
        tried.append(rows)
        if rows > 64 and free < 10**12:
            raise torch.OutOfMemoryError(CUDA)
        return made(self, rows, row_shape)
    made = Learner.example
    monkeypatch.setattr(batch_size, "is_cuda", lambda device: True)
    monkeypatch.setattr(batch_size, "peak_memory", Peak)
    monkeypatch.setattr(batch_size, "_weight_bytes", lambda learner: 0)
    monkeypatch.setattr(Learner, "example", example)
    assert chosen_batch(shards, monkeypatch, free, "cpu") == expected
    assert tried == sorted(tried)                # none is tried beyond the first that does not fit
    assert tried[-1] <= 2 * expected


def test_on_a_card_its_own_memory_counts_and_not_that_of_the_machine(shards, monkeypatch):
    monkeypatch.setattr(devices, "free_host_memory", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**12, 10**12))
    card = torch.device("cuda")
    assert chosen_batch(shards, monkeypatch, devices.free_device_memory(card), "cpu") == 128


def test_what_else_is_no_batch():
    for batch in ("automatic", 0, -1, True, 2.5):
        with pytest.raises(RecipeFault, match="batch"):
            make_recipe(t.tables(train={"batch": batch}))
    assert make_recipe(t.tables(train={"batch": "auto"})).train.batch_rows == 256


def test_a_sweep_may_hold_it():
    recipe = make_recipe(t.tables())
    keys = parse_space(["train.batch=32,auto"], "--grid")
    found = [with_settings(recipe, settings).train.batch for settings in grid(keys)]
    assert found == [32, "auto"]


def test_batches_for_ones_own_loop_take_numbers_only(shards):
    with pytest.raises(UserFault, match="whole number"):
        tenfold.open_batches(open_set(shards), "train", batch="auto")


def no_thread_starts(monkeypatch, but=()) -> None:
    start = threading.Thread.start

    def refuse(thread):
        if not thread.name.startswith(but):
            raise RuntimeError("can't start new thread")     # as Python says it where memory is used up
        start(thread)
    monkeypatch.setattr(threading.Thread, "start", refuse)


def test_threads_that_only_help_are_done_without_where_memory_is_short(monkeypatch):
    monkeypatch.setattr(barrier_sleep, "_libgomp", lambda: object())
    reads = iter([MemoryError(), RuntimeError("can't start new thread")])
    watcher = LoadWatcher(2, sleep=BarrierSleep())

    def read():
        error = next(reads, None)
        if error:
            raise error
        watcher._end.set()
        return Load(4.0, 4.0, 2)
    watcher._read = read
    monkeypatch.setattr(barrier_sleep, "FIRST", 0.0)
    monkeypatch.setattr(barrier_sleep, "SECONDS", 0.0)
    no_thread_starts(monkeypatch)
    watcher.start()
    watcher._watch()
    assert watcher.looks == 1                    # it looked on
    assert not watcher._sleep.on
    watcher.close()


def test_a_training_goes_on_with_a_single_reader_and_is_refused_without(tmp_path, capsys, monkeypatch):
    shards = t.written(tmp_path / "set")
    how = ("--set", "train.epochs=1", "--set", "train.engine=threads")
    assert t.train(capsys, shards, *how, out="runs/many").code == 0
    with monkeypatch.context() as patch:
        no_thread_starts(patch, ("reader_0", "ThreadPoolExecutor"))
        ran = t.train(capsys, shards, *how, out="runs/one")
        assert ran.code == 0, ran.err
    assert t.same_weights("runs/many/last.pth", "runs/one/last.pth")
    no_thread_starts(monkeypatch)
    for engine in ("threads", "memory"):
        assert "memory: is used up" in t.one_line(t.train(capsys, shards, *how, "--set", f"train.engine={engine}"))
