"""A recipe: one TOML file that says how a set is made and how a model is trained on it.

Every key, its unit, its bounds and its default stand here. `recipes/sample.toml` is a page to learn
the common ones from. Both stages read the same file; the trainer follows the preprocessing
tables that the shards carry, since those are what the pixels went through.
"""

import hashlib
import json
import math
import re
import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from data.errors import RecipeFault
from data.settings import fill, nearest, override, setting

PIXELS_VERSION = 4   # raised when the same recipe comes to draw other pixels: old shards are remade


@dataclass(frozen=True)
class Source:
    """Where the images come from and how many bad ones are borne."""
    data: str = ""                                          # folder or .npz; --data goes before it
    max_bad: float = setting(0.1, low=0, high=1)            # share set aside that stops the build
    max_pixels: int = setting(100_000_000, low=1)           # a larger picture is taken for a bomb


@dataclass(frozen=True)
class Split:
    """Which source images are held out. A whole number counts images a class, a fraction is a share."""
    val: int | float = setting(0.1, low=0)
    test: int | float = setting(0.1, low=0)
    folds: int = setting(0, low=0)                          # 0: none; k: the test part is one of k
    fold: int = setting(0, low=0)                           # which one, 0 … folds - 1


@dataclass(frozen=True)
class Clean:
    """Once per source image. 0, false and "keep" leave a step out."""
    channels: int = setting(1, choices=(1, 3))              # grey, or red green blue
    polarity: str = setting("keep", choices=("keep", "auto", "dark", "light"))
    bilateral: int = setting(0, low=0, high=31)             # diameter of the filter, pixels
    bilateral_sigma: float = setting(50.0, above=0)         # grey levels that count as alike
    threshold: float = setting(0.0, low=0, high=1)          # window, share of the shorter side
    offset: float = setting(12.0, low=0, high=255)          # ink exceeds its surroundings by, levels
    specks: float = setting(0.0, low=0, below=1)            # ink spots below this share of the picture
    roi: bool = False                                       # cut to the bounding box of the ink
    padding: float = setting(0.02, low=0, high=1)           # around it, share of its longer side


@dataclass(frozen=True)
class Draw:
    """Once per copy. val and test rows take the plain view: centred, no chance."""
    canvas: tuple[int, int] = setting(low=8, high=4096)     # height, width in pixels
    copies: int = setting(low=1, high=1_000_000)            # training rows from each source image
    fit: str = setting("inside", choices=("inside", "cover", "stretch"))
    rotation: float = setting(0.0, low=0, high=180)         # up to ± degrees
    scale: tuple[float, float] = setting((1.0, 1.0), above=0, high=1)   # see draw.py
    shear: float = setting(0.0, low=0, high=45)             # slanted by up to ± degrees
    aspect: float = setting(1.0, low=1, high=4)             # up to so many times wider, or higher
    broaden: float = setting(0.0, low=0, high=0.2)          # pens up to so much broader on each side,
                                                            # share of the region's longer side
    contrast: tuple[float, float] = setting((1.0, 1.0), above=0, high=10)
    flip: float = setting(0.0, low=0, high=1)               # chance of a mirror image
    place: bool = True                                      # random place, or the middle


@dataclass(frozen=True)
class Shards:
    """How rows lie on disk."""
    compression: str = setting("none", choices=("none", "lz4", "bitshuffle-lz4", "lzf", "gzip"))
    megabytes: int = setting(64, low=1, high=4096)          # pixels in a shard, at most


@dataclass(frozen=True)
class Model:
    """A network by name; what is not listed here are its arguments, checked where networks are known."""
    name: str = setting()
    args: dict = field(default_factory=dict)
    weights: str = ""                                       # "imagenet", one of torchvision's names such as
                                                            # "IMAGENET1K_V1", or a .pth file; "": chance
    freeze: tuple[str, ...] = ()                            # names of modules that stay as they are, such as
                                                            # "layer1"; "backbone" is all but the head
    size: int = setting(0, low=0, high=4096)                # shorter side that the network sees, resized on
                                                            # the device, pixels; 0: as the rows are
    normalise: str = setting("dataset", choices=("dataset", "imagenet"))    # whose mean and deviation


@dataclass(frozen=True)
class Train:
    """How the model is trained."""
    budget: str = setting("10m")                            # "45s", "10m", "1h": everything counts
    epochs: int = setting(20, low=1)                        # planned; the budget may end it before
    batch: int = setting(256, low=1)                        # images
    optimizer: str = setting("adamw", choices=("adam", "adamw", "sgd", "muon"))
    lr: float = setting(0.002, above=0)                     # peak learning rate
    weight_decay: float = setting(0.01, low=0)
    momentum: float = setting(0.9, low=0, below=1)          # SGD, Muon
    schedule: str = setting("cosine", choices=("constant", "step", "exponential", "cosine",
                                               "onecycle", "linear"))
    warmup: float = setting(0.05, low=0, below=1)           # share of the run spent rising to lr
    label_smoothing: float = setting(0.0, low=0, below=1)
    ema: float = setting(0.0, low=0, below=1)               # decay of the weights' running mean, a step
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    compile: str = setting("none", choices=("none", "default", "reduce-overhead", "max-autotune"))
                                                            # modes of torch.compile; the last two use CUDA graphs
    engine: str = setting("auto", choices=("auto", "threads", "memory", "dataloader"))
    workers: int = setting(2, low=0, high=256)              # reading threads, or dataloader's processes
    pin_memory: bool = True                                 # page-locked buffers (CUDA only)
    window: int = setting(256, low=1)                       # MB that are shuffled together
    nesterov: bool = True                                   # SGD, Muon: look ahead along the momentum
    clip: float = setting(0.0, low=0)                       # longest gradient, all weights together; 0: any
    backbone_lr: float = setting(1.0, low=0)                # of all but the head, share of lr
    steps: tuple[tuple[float, float], ...] = ((0.5, 0.1), (0.75, 0.1))    # schedule "step": from this share
                                                            # of the run after warm-up on, lr times this factor
    final: float = setting(0.01, above=0, high=1)           # schedule "exponential": ends at this share of lr
    patience: int = setting(0, low=0)                       # epochs without a better val that end it; 0: never
    sampling: float = setting(0.0, low=0, high=1)           # classes drawn by (their rows)^-this: 0 each row once
                                                            # an epoch, 1 each class as often as any other
    class_weights: str = setting("none", choices=("none", "balanced", "effective"))    # in the loss: all classes
                                                            # alike; by effective number (arXiv:1901.05555)


@dataclass(frozen=True)
class Augment:
    """On the device while training, each image by itself; 0 leaves a step out. Never on val and test rows."""
    crop: int = setting(0, low=0, high=1024)                # shifted by up to ± pixels
    border: str = setting("zero", choices=("zero", "reflect"))   # what comes in there: the training mean, or
                                                            # the image mirrored
    flip: float = setting(0.0, low=0, high=1)               # chance of a mirror image, left to right
    rotation: float = setting(0.0, low=0, high=180)         # up to ± degrees
    translate: float = setting(0.0, low=0, high=1)          # up to ± share of the side
    scale: tuple[float, float] = setting((1.0, 1.0), above=0, high=10)    # times as large, at random
    blur: float = setting(0.0, low=0, high=1)               # chance of a Gaussian blur, 5×5
    blur_sigma: tuple[float, float] = setting((0.1, 2.0), above=0, high=10)    # pixels
    brightness: float = setting(0.0, low=0)                 # up to ± deviations of the training set
    contrast: float = setting(0.0, low=0, high=1)           # times 1 ± up to this, about the image's mean
    erase: float = setting(0.0, low=0, high=1)              # chance of a box of nothing (arXiv:1708.04896)
    erase_area: tuple[float, float] = setting((0.02, 0.4), above=0, high=1)    # share of the image
    cutmix: float = setting(0.0, low=0, high=1)             # chance of a box of another image (arXiv:1905.04899)
    cutmix_alpha: float = setting(1.0, above=0)             # its share is Beta(alpha, alpha)
    mixup: float = setting(0.0, low=0, high=1)              # chance of a blend with another (arXiv:1710.09412)
    mixup_alpha: float = setting(0.2, above=0)              # its share is Beta(alpha, alpha)


@dataclass(frozen=True)
class Recipe:
    name: str
    seed: int
    source: Source
    split: Split
    clean: Clean
    draw: Draw
    shards: Shards
    model: Model
    train: Train
    augment: Augment = Augment()


_TABLES = {"source": Source, "split": Split, "clean": Clean, "draw": Draw, "shards": Shards,
           "model": Model, "train": Train, "augment": Augment}
_PIXEL_TABLES = ("split", "clean", "draw", "shards")        # what the bytes of a set depend on


def read_recipe(path, assignments=()) -> Recipe:
    """The recipe in a TOML file (or the JSON that `dataset.json` carries), `--set`s laid over it.

    Raises RecipeFault: no such file, not TOML, an unknown or missing key, a value out of bounds.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8")
        tables = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise RecipeFault(path, error.strerror or "cannot be read",
                          "name a recipe, such as recipes/sample.toml") from None
    except (ValueError, RecursionError) as error:      # what tomllib, json and utf-8 raise
        raise RecipeFault(path, f"is not a recipe ({error})", "see recipes/sample.toml") from None
    if isinstance(tables, dict):
        tables = override(tables, assignments)
    return make_recipe(tables, str(path), name=path.stem)


def make_recipe(tables: dict, where: str = "recipe", name: str = "recipe") -> Recipe:
    """Nested plain values, as in the TOML file or from `recipe_tables`, -> a Recipe."""
    if not isinstance(tables, dict):
        raise RecipeFault(where, "is not a table of tables", "see recipes/sample.toml")
    for key in tables:
        if key not in {*_TABLES, "name", "seed"}:
            raise RecipeFault(where, f"unknown key '{key}'", nearest(key, {*_TABLES, "name", "seed"}))
    model = tables.get("model", {})
    if isinstance(model, dict) and not isinstance(model.get("args"), dict):
        listed = {f.name for f in fields(Model)} - {"args"}
        model = {"args": {k: v for k, v in model.items() if k not in listed},
                 **{k: v for k, v in model.items() if k in listed}}
    made = {key: fill(cls, model if key == "model" else tables.get(key, {}), f"{where} [{key}]")
            for key, cls in _TABLES.items()}
    recipe = Recipe(name=tables.get("name", name), seed=tables.get("seed", 0), **made)
    _check_together(recipe, where)
    return recipe


def _check_together(recipe: Recipe, where: str) -> None:
    """What no single key can know."""
    if type(recipe.seed) is not int or not 0 <= recipe.seed < 2**63:
        raise RecipeFault(f"{where} seed", f"is {recipe.seed!r}", "give a whole number from 0")
    if not isinstance(recipe.name, str) or not re.fullmatch(r"[^/\\\0]{1,200}", recipe.name) \
            or recipe.name.startswith("."):
        raise RecipeFault(f"{where} name", f"is {recipe.name!r}", "give a name fit for a folder")
    for table, key in (("draw", "scale"), ("draw", "contrast"), ("augment", "scale"), ("augment", "blur_sigma"),
                       ("augment", "erase_area")):
        low, high = getattr(getattr(recipe, table), key)
        if low > high:
            raise RecipeFault(f"{where} [{table}] {key}", f"is [{low}, {high}]",
                              "the lower bound comes first")
    split = recipe.split
    for key in ("val", "test"):
        value = getattr(split, key)
        if isinstance(value, float) and value >= 1:
            raise RecipeFault(f"{where} [split] {key}", f"is {value}",
                              "give a fraction below 1, or a whole number of images a class")
    if split.folds == 1 or (split.fold and split.fold >= split.folds):
        raise RecipeFault(f"{where} [split] folds", f"is {split.folds} with fold {split.fold}",
                          "give folds of 2 or more, and a fold from 0 to folds - 1")
    for key, used in (("roi", recipe.clean.roi), ("threshold", recipe.clean.threshold),
                      ("broaden", recipe.draw.broaden)):
        if used and recipe.clean.polarity == "keep":
            raise RecipeFault(f"{where} [clean] polarity", f"is 'keep', but {key} must know what is ink",
                              "give 'auto', 'dark' (ink on light paper) or 'light'")
    marks = [at for at, _ in recipe.train.steps]
    if marks != sorted(marks) or not all(0 <= at <= 1 and 0 <= factor < math.inf for at, factor in recipe.train.steps):
        raise RecipeFault(f"{where} [train] steps", f"is {[list(pair) for pair in recipe.train.steps]}",
                          "give [share of the run, factor] pairs in order, such as [[0.5, 0.1], [0.75, 0.1]]")
    if recipe.augment.cutmix + recipe.augment.mixup > 1:
        raise RecipeFault(f"{where} [augment] cutmix", f"and mixup have chances of {recipe.augment.cutmix} and "
                          f"{recipe.augment.mixup}, and an image takes one of them", "let their sum be 1 at most")
    try:
        json.dumps(recipe.model.args, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise RecipeFault(f"{where} [model]", f"holds a value that no network takes ({error})",
                          "give finite numbers, strings, true or false, or lists of them") from None
    parse_duration(recipe.train.budget, f"{where} [train] budget")


def recipe_tables(recipe: Recipe) -> dict:
    """The recipe as nested plain values, for dataset.json and checkpoints; `make_recipe` undoes it."""
    return json.loads(json.dumps(asdict(recipe)))


def pixels_digest(recipe: Recipe) -> str:
    """A digest of what the bytes of a set depend on besides the images: two equal ones draw alike."""
    what = {"version": PIXELS_VERSION, "seed": recipe.seed,
            **{t: asdict(getattr(recipe, t)) for t in _PIXEL_TABLES}}
    return digest_of(what)


def digest_of(value) -> str:
    """A short digest of any value that JSON can hold."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def pixel_differences(made: Recipe, asked: Recipe) -> list[str]:
    """["draw.copies: 20, not 100", …]: where the shards' recipe is not the one that is asked for."""
    found = [] if made.seed == asked.seed else [f"seed: {made.seed}, not {asked.seed}"]
    for table in _PIXEL_TABLES:
        a, b = getattr(made, table), getattr(asked, table)
        found += [f"{table}.{f.name}: {getattr(a, f.name)}, not {getattr(b, f.name)}"
                  for f in fields(a) if getattr(a, f.name) != getattr(b, f.name)]
    return found


def parse_duration(text, where="--budget") -> float:
    """"45s", "10m", "1.5h" or plain seconds -> seconds, above 0."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)\s*", str(text))
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0
    if not 0 < seconds < math.inf:
        raise RecipeFault(where, f"is {text!r}", "give seconds, minutes or hours: 45s, 10m, 1h")
    return seconds
