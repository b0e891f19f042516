"""Tasks over worker processes, with a bar; ctrl-C and a worker that the system ended are one line each."""

import signal
import sys
import warnings
from multiprocessing import resource_tracker

import joblib
from joblib.externals.loky.backend import resource_tracker as loky_tracker
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from tenfold.data.errors import MachineFault


def run_all(tasks, workers: int, weights: list[int], verb: str, unit: str) -> list:
    """Results of [(function, arguments), …] in their order, over `workers` processes, with a bar."""
    results = [None] * len(weights)
    # joblib's word on an interrupted build, when the pool is swept up; ours is one line
    warnings.filterwarnings("ignore", r"\d+ tasks which were still being processed", UserWarning)
    with tqdm(total=sum(weights), desc=verb, unit=unit, disable=None, unit_scale=True) as bar:
        calls = (joblib.delayed(_numbered)(i, f, arguments) for i, (f, arguments) in enumerate(tasks))
        # max_nbytes: small plans travel by pickle, no shared files in /dev/shm to be left behind
        pool = joblib.Parallel(n_jobs=max(1, min(workers, len(weights))), max_nbytes=None,
                               return_as="generator_unordered")
        try:
            for i, result in _deaf(pool, calls):
                results[i] = result
                bar.update(weights[i])
        except TerminatedWorkerError:
            raise MachineFault(f"{verb}ing", "the system ended a worker, most likely for lack of memory",
                               "ask for fewer --workers, or lower shards.megabytes") from None
    return results


def _deaf(pool, calls):
    """The pool's results. Its workers never hear ctrl-C, which each would answer with a traceback: this
    process hears it and ends them. (A blocked signal stays blocked in the processes that are started.)"""
    _start_trackers()                        # else one is started on the way, and unblocks the signal for all
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool(calls)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_trackers():
    """Start the two processes that outlive this one and remove the semaphores that an interrupt left behind.
    They would warn about each on standard error, where our one line stands."""
    sys.warnoptions.append(quiet := "ignore:resource_tracker:UserWarning")     # handed on to what is started
    try:
        resource_tracker.ensure_running()
        loky_tracker.ensure_running()
    finally:
        sys.warnoptions.remove(quiet)


def _numbered(i, function, arguments):
    return i, function(*arguments)
