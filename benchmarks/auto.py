"""The automatic mode beside what else one would do in the same time: python -m benchmarks.auto --data SET …

For each set and seed: `tenfold auto`; the shipped recipes that are named, by `tenfold compare`, with the same budget
and split; two honest quick ways on the same splits: HOG features with an RBF support vector machine, and logistic
regression on the features of a pretrained network; and other libraries in the same seconds (benchmarks/auto_peers.py).
All choose on val; the figures are top-1 of test.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import tenfold
from benchmarks import rows
from benchmarks.auto_peers import PEERS, run_peers, write_pictures
from tenfold.automatic.mirrors import hog
from tenfold.data.command import make_parser, module_command, run, whole_number
from tenfold.data.recipe import Recipe, parse_duration, read_recipe
from tenfold.data.shardset import ShardSet, open_set

_MOST = 10_000               # training rows of the support vector machine, whose time grows with their square
_HOG_SIDE, _FEATURE_SIDE = 48, 160
_PLAIN = ("draw.copies=1", "draw.rotation=0", "draw.shear=0", "draw.aspect=1", "draw.broaden=0",
          "draw.contrast=[1.0,1.0]", "draw.flip=0", "draw.place=false")


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = make_parser("python -m benchmarks.auto", "The automatic mode beside recipes and two quick ways.")
    parser.add_argument("--data", required=True, nargs="+", metavar="SET", help="folders or .npz files")
    parser.add_argument("--recipes", nargs="*", default=[], metavar="NAME", help="shipped recipes to compare with")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS, metavar="NAME",
                        help=f"other libraries, none to leave them out (default: {', '.join(map(repr, PEERS))})")
    parser.add_argument("--budget", default="10m", help="of each (default: 10m)")
    parser.add_argument("--seeds", type=whole_number, default=3)
    rows.add_record(parser)
    return parser


def _auto(data: str, name: str, budget: str, seed: int) -> tuple[float, float]:
    """(top-1 of test, seconds) of `tenfold auto`, timed from outside."""
    start = time.monotonic()
    ran = subprocess.run(**module_command("automatic", data, "--budget", budget, "--name", name, "--seed", seed,
                                          "--device", "cpu", "--json"), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ran.stdout.splitlines()[-1])["top1"], time.monotonic() - start


def _recipe(data: str, recipe: str, split: list[str], budget: str, seed: int) -> tuple[float, float]:
    """(top-1 of test, seconds) of a shipped recipe with the split of the automatic mode."""
    start = time.monotonic()
    sets = [word for setting in (*split, f"seed={seed}") for word in ("--set", setting)]
    ran = subprocess.run(**module_command("compare", recipe, "--data", data, "--budget", budget, "--device", "cpu",
                                          "--json", *sets),
                         stdout=subprocess.PIPE, text=True, check=True)
    facts, = json.loads(ran.stdout.splitlines()[-1]).values()
    return facts["top1"], time.monotonic() - start


def _plain_rows(data: str, recipe: Recipe, name: str, side: int) -> ShardSet:
    """Build shards with the same splits and cleaning, and one row without augmentation for each picture."""
    from tenfold.data.recipe import change_recipe
    from tenfold.data.sources.opening import open_source
    from tenfold.preprocess.pipeline import augment
    middle = sum(recipe.draw.scale) / 2          # as test rows have it
    plain = change_recipe(recipe, [*_PLAIN, f"draw.canvas=[{side},{side}]", f"draw.scale=[{middle},{middle}]"])
    return open_set(augment(plain, open_source(data), Path("shards") / name).folder)


def _images(shards: ShardSet, split: str) -> tuple[np.ndarray, np.ndarray]:
    """All rows of a split in the order of its files: uint8 (n, H, W, C), int64 (n,)."""
    with tenfold.open_batches(shards, split, shuffle=False) as batches:
        pairs = [(images.numpy().copy(), labels.numpy().copy()) for images, labels in batches]
    return np.concatenate([x for x, _ in pairs]), np.concatenate([y for _, y in pairs])


def hog_svm(shards: ShardSet, seed: int) -> float:
    """Return top-1 of test by HOG features and an RBF support vector machine, C chosen on val."""
    from sklearn.svm import SVC
    (x, y), val, test = ((np.stack([hog(image) for image in images]), labels) for images, labels in (
        _images(shards, split) for split in ("train", "val", "test")))
    some = np.random.default_rng(seed).permutation(len(x))[:_MOST]
    best = max((SVC(C=c).fit(x[some], y[some]) for c in (1, 10)), key=lambda fit: fit.score(*val))
    return float(best.score(*test))


def feature_regression(shards: ShardSet) -> float:
    """Return top-1 of test by logistic regression on features of EfficientNet-Lite0, its penalty chosen on val."""
    import torch
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    from tenfold.data.tables import Model
    from tenfold.train.models.build import build_model
    from tenfold.train.models.pretrained import load_weights
    from tenfold.train.models.published import usual_normalisation
    model = build_model("efficientnet_lite0", {}, 3, 1000, (_FEATURE_SIDE, _FEATURE_SIDE), check=False)
    load_weights(model, Model(name="efficientnet_lite0", weights="imagenet"))
    model._fc = torch.nn.Identity()
    model.eval().to(memory_format=torch.channels_last)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in usual_normalisation("efficientnet_lite0", 3))

    def features(split: str) -> tuple[np.ndarray, np.ndarray]:
        images, labels = _images(shards, split)
        made = []
        with torch.no_grad():
            for first in range(0, len(images), 32):
                x = torch.from_numpy(images[first:first + 32]).permute(0, 3, 1, 2).float() / 255
                made.append(model((x.expand(-1, 3, -1, -1) - mean) / std).numpy())
        return np.concatenate(made), labels
    parts = {split: features(split) for split in ("train", "val", "test")}
    scale = StandardScaler().fit(parts["train"][0])
    parts = {split: (scale.transform(x), y) for split, (x, y) in parts.items()}
    fits = [LogisticRegression(C=c, max_iter=300).fit(*parts["train"]) for c in (1e-3, 1e-2, 1e-1)]
    return float(max(fits, key=lambda fit: fit.score(*parts["val"])).score(*parts["test"]))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Measure every way on every set; returns {set: {way: {"median", "least", "most", "seconds"}}}."""
    rows.keep_rows(args.record)
    table: dict[str, Any] = {}
    for data in args.data:
        found: dict[str, list[tuple[float, float]]] = {}
        for seed in range(args.seeds):
            for way, top1, seconds in _ways(data, args, seed):
                found.setdefault(way, []).append((top1, seconds))
        table[Path(data).stem] = {way: _row(Path(data).stem, way, results, args.budget)
                                  for way, results in found.items()}
    return table


def _ways(data: str, args: argparse.Namespace, seed: int) -> Iterator[tuple[str, float, float]]:
    """Yield (name, top-1 of test, seconds) of every way on one split; a recipe that fails is left out."""
    name = f"bench-auto-{Path(data).stem}-{seed}"
    yield "auto", *_auto(data, name, args.budget, seed)
    chosen = read_recipe(f"recipes/{name}.toml")
    split = [f"split.val={chosen.split.val}", f"split.test={chosen.split.test}",
             f"source.per_class={chosen.source.per_class}"]
    for recipe in args.recipes:
        try:
            yield recipe, *_recipe(data, recipe, [*split, *args.set], args.budget, seed)
        except subprocess.CalledProcessError:
            print(f"{recipe} is left out: it failed, as the line above says", file=sys.stderr)
    start = time.monotonic()
    yield "HOG + SVM", hog_svm(_plain_rows(data, chosen, f"{name}-hog", _HOG_SIDE), seed), time.monotonic() - start
    start = time.monotonic()
    features = _plain_rows(data, chosen, f"{name}-features", _FEATURE_SIDE)
    yield "features + logistic regression", feature_regression(features), time.monotonic() - start
    if args.peers:
        yield from _peers(data, chosen, name, args, seed)


def _peers(data: str, chosen: Recipe, name: str, args: argparse.Namespace, seed: int
           ) -> Iterator[tuple[str, float, float]]:
    """Yield (name, top-1 of test, seconds) of the other libraries on the pictures of the same splits."""
    with tempfile.TemporaryDirectory() as folder:
        pictures = write_pictures(data, _plain_rows(data, chosen, f"{name}-hog", _HOG_SIDE), Path(folder))
        yield from run_peers(pictures, args.peers, parse_duration(args.budget), seed)


def _row(data: str, way: str, results: list[tuple[float, float]], budget: str) -> dict[str, float]:
    top1, seconds = zip(*results, strict=True)
    rows.append("top-1 without a recipe", f"{data}, {way}, budget {parse_duration(budget):g} s", top1)
    row = {"median": statistics.median(top1), "least": min(top1), "most": max(top1),
           "seconds": statistics.median(seconds)}
    print(f"{data:16} {way:32} {row['median']:.1%} ({row['least']:.1%} to {row['most']:.1%}), {row['seconds']:.0f} s",
          flush=True)
    return row


if __name__ == "__main__":
    sys.exit(run(measure, arguments().parse_args()))
