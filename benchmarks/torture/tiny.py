"""The tiny sets, recipes and trainings that are attacked: each takes some tenths of a second."""

import contextlib
import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# imported before anything is forked, so that no case pays for them
_WARM = ("cv2", "h5py", "joblib", "numpy", "PIL.Image", "tqdm.auto", "matplotlib.pyplot",
         "matplotlib.backends.backend_agg", "tenfold.preprocess.command", "tenfold.preprocess.pipeline",
         "tenfold.preprocess.report", "tenfold.preprocess.preview", "numcodecs.blosc", "torch", "tenfold.data.streams",
         "torch._dynamo", "torch.profiler", "sklearn.metrics", "tenfold.train.run.command",
         "tenfold.train.run.training", "tenfold.train.score.command", "tenfold.train.score.scoring",
         "tenfold.train.score.figures", "tenfold.predict.command", "tenfold.predict.model", "tenfold.predict.files",
         "tenfold.predict.sheet", "tenfold.train.models.build", "tenfold.train.sweep.session", "tenfold.folds",
         "tenfold.compare", "tenfold.predict.command", "tenfold.automatic.auto", "tenfold.automatic.selection",
         "tenfold.automatic.machine", "tenfold.cli", "optuna")
SECOND = "second.toml"       # as the first training, under another name
CLASSES = {"across": 5, "down": 6, "dots": 7}    # pictures of each


@dataclass(frozen=True)
class Setup:
    """A build or training: its name, what its command line adds, and what is laid over its recipe."""
    name: str
    tables: dict[str, dict[str, Any]]
    source: str = "pictures"     # or "packed.npz", "plain.npz"
    more: tuple[str, ...] = ()


BUILDS = (
    Setup("pictures", {}),
    Setup("cleaned, lz4", {"clean": {"polarity": "dark", "roi": True}, "shards": {"compression": "lz4"}}),
    Setup("packed arrays", {"shards": {"compression": "gzip"}}, "packed.npz"),
    Setup("plain", {}, "plain.npz", ("--plain",)),
)
TRAININGS = (
    Setup("convnet", {}),
    Setup("ema, augment", {"train": {"ema": 0.9, "sampling": 1}, "augment": {"flip": 0.5, "mixup": 0.2}}),
    Setup("muon, threads", {"train": {"optimizer": "muon", "engine": "threads"}}),
)


def warm() -> None:
    """Import all that the attacked commands import; with one thread, so that a forked process computes the same."""
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["MPLBACKEND"] = "Agg"
    for name in _WARM:
        with contextlib.suppress(ImportError):   # numcodecs is an extra
            importlib.import_module(name)
    from PIL import Image
    Image.init()
    cost = importlib.import_module("tenfold.preprocess.cost")
    for name, value in {"RUNS": 2, "RUN": 1, "ROWS": 4}.items():     # pictures that are timed before a build
        setattr(cost, name, value)
    figure = importlib.import_module("matplotlib.figure")
    figure.Figure.savefig = _saved_as_a_byte     # type: ignore[attr-defined]
    # at 32 steps a run of a second would not write a checkpoint: they are written whenever they are due
    writer = importlib.import_module("tenfold.train.run.checkpoint_writer")
    writer.EVERY = writer.FIRST = 0.0        # type: ignore[attr-defined]
    with contextlib.suppress(ImportError):       # an opened set is remembered at once, not two seconds later
        importlib.import_module("tenfold.data.verified")._SETTLED = 0.02     # type: ignore[attr-defined]


def _saved_as_a_byte(figure: Any, file: Any, **_: Any) -> None:
    """Save a figure as one byte: to draw it takes longer than a tiny build."""
    if isinstance(file, (str, os.PathLike)):
        Path(file).write_bytes(b"-")


def tables(setup: Setup) -> dict[str, Any]:
    """The tables of a setup's recipe."""
    base: dict[str, Any] = {
        "name": "tiny", "seed": 3, "split": {"val": 1, "test": 1}, "clean": {"channels": 3},
        "draw": {"canvas": [48, 40], "copies": 20, "rotation": 20, "scale": [0.5, 0.9]},
        "shards": {"megabytes": 1}, "model": {"name": "convnet", "widths": [4, 8]},
        "train": {"epochs": 3, "batch": 32, "lr": 0.01, "budget": "10m"}}
    for name, table in setup.tables.items():
        base[name] = {**base.get(name, {}), **table}
    return base


def toml(content: dict[str, Any]) -> str:
    """Plain tables as TOML text; JSON's words for values are TOML's too."""
    top = [f"{k} = {json.dumps(v)}" for k, v in content.items() if not isinstance(v, dict)]
    for name, table in content.items():
        if isinstance(table, dict):
            top += [f"[{name}]"] + [f"{k} = {json.dumps(v)}" for k, v in table.items()]
    return "\n".join(top) + "\n"


def write_sources(folder: Path) -> None:
    """Write pictures/, packed.npz and plain.npz: 18 pictures of three classes, no two alike."""
    import numpy as np
    from PIL import Image
    rng, pixels, labels = np.random.default_rng(7), [], []
    for number, (name, count) in enumerate(CLASSES.items()):
        (folder / "pictures" / name).mkdir(parents=True)
        for i in range(count):
            page = rng.integers(200, 256, (24, 20), np.uint8)
            along = (np.mgrid[:24, :20][number] if number < 2 else np.add(*np.mgrid[:24, :20])) + i
            page[(along % 6 < 2) & (rng.random((24, 20)) > 0.05)] = 20 + i
            Image.fromarray(page).save(folder / "pictures" / name / f"{i}.png")
            pixels.append(page)
            labels.append(number)
    arrays: dict[str, Any] = {"x": np.stack(pixels), "y": np.array(labels), "classes": np.array(list(CLASSES))}
    np.savez_compressed(folder / "packed.npz", **arrays)
    np.savez(folder / "plain.npz", **arrays)


def write_recipes(folder: Path) -> None:
    """Write <setup>.toml for each build and training, and one of another name."""
    (folder / SECOND).write_text(toml({**tables(TRAININGS[0]), "name": "second"}))
    for setup in (*BUILDS, *TRAININGS):
        (folder / f"{setup.name}.toml").write_text(toml(tables(setup)))


def build_body(base: Path, setup: Setup, workers: int = 1, out: str = "set") -> Callable[[], int]:
    """`tenfold augment` of a setup, into the folder where it is called; returns its exit code."""
    def body() -> int:
        from tenfold.preprocess.command import main
        return main(["--recipe", str(base / f"{setup.name}.toml"), "--data", str(base / setup.source), "--out", out,
                     "--workers", str(workers), *setup.more])
    return body


def training_body(base: Path, setup: Setup, *more: str) -> Callable[[], int]:
    """`tenfold train` of a setup on base/shards, into runs/tiny where it is called; returns its exit code."""
    def body() -> int:
        from tenfold.train.run.command import main
        return main(["--recipe", str(base / f"{setup.name}.toml"), "--shards", str(base / "shards"), "--out",
                     "runs/tiny", "--device", "cpu", *more])
    return body
