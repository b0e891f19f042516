"""The tables of a recipe: every key with its unit, its bounds and its default.

`recipes/sample.toml` is a page to learn the common ones from.
"""

from dataclasses import dataclass, field
from typing import Literal

from tenfold.data.settings import setting

_ENDLESS = 1_000_000         # epochs, more than any budget has time for


@dataclass(frozen=True)
class Source:
    """Where the images come from and how many bad ones are tolerated."""
    data: str = ""                                          # folder, table of labels (.csv) or .npz; the option --data
                                                            # takes precedence
    labels: str = ""                                        # where the labels of a folder are: "x.csv": lines of
                                                            # path,label; "x.csv:COLUMN" names the column.
                                                            # "path:REGEX": searched in the path below the data
                                                            # folder; the first (…), or the whole match. "": the
                                                            # class folders, or else what a table near the images, or
                                                            # their names, most likely say. An image without a label is
                                                            # passed over
    max_bad: float = setting(0.1, low=0, high=1)            # share set aside that stops the build
    max_opposite: float = setting(0.2, low=0, high=1)       # share that clearly looks like the other polarity than
                                                            # clean.polarity declares, and stops the build
    max_pixels: int = setting(100_000_000, low=1)           # a larger picture is refused as a decompression bomb
    per_class: int = setting(0, low=0)                      # most images of each class that are used, chosen at random;
                                                            # 0: all. An official test split is used whole
    levels: int = setting(0, low=0)                         # highest level of deep pictures (more than 8 bits), such as
                                                            # 4095; 0: of the smallest usual depth that holds the
                                                            # whole set; dataset.json then names it here
    levels_signed: tuple[int, int] = (0, 0)                 # likewise lowest and highest, of signed numbers
    levels_float: tuple[float, float] = (0.0, 0.0)          # likewise, of real numbers


@dataclass(frozen=True)
class Split:
    """Which source images are held out. A whole number counts images of each class, a fraction is a share. An official
    test split of the source is kept. Exact copies of an image always stay together."""
    val: int | float = setting(0.1, low=0)                  # chooses the best epoch; 0: the last one is kept
    test: int | float = setting(0.1, low=0)                 # only the score sees it
    folds: int = setting(0, low=0)                          # 0: none; k: the test split is one of k
    fold: int = setting(0, low=0)                           # which one, 0 … folds - 1
    groups: str = ""                                        # what keeps images together (one writer, patient, video):
                                                            # "folder": the folders between class folder and file
                                                            # (a/writer1/x.png: writer1). "path:REGEX": searched in
                                                            # the path below the data folder; the first (…), or the
                                                            # whole match. "x.csv": lines of path,group;
                                                            # "x.csv:COLUMN" names the column. "": nothing,
                                                            # or the array `groups` (n,) of an .npz. An image in no
                                                            # group stands alone
    near_duplicates: str = setting("together", choices=("together", "report"))    # the same picture saved twice (as
                                                            # JPEG, at another size): kept in one split, as are
                                                            # frames of a video by their file names, or only reported.
                                                            # With "report", 19% of the test images of glyphs34 had a
                                                            # twin in train (benchmarks/log.md)
    small_classes: str = setting("refuse", choices=("refuse", "train"))   # classes with too few images for all splits
                                                            # stop the build, or all their images are trained on, and
                                                            # nothing tells whether they are recognised


@dataclass(frozen=True)
class Clean:
    """How each source image is cleaned, once. 0, false and "keep" skip a step."""
    channels: int = setting(1, choices=(1, 3))              # grey, or red green blue
    polarity: str = setting("keep", choices=("keep", "auto", "dark", "light"))   # tone of the ink, which becomes
                                                            # light. auto: the whole set decides. keep: not ink, so
                                                            # without roi, threshold and broaden
    bilateral: int = setting(0, low=0, high=31)             # diameter of the filter, pixels
    bilateral_sigma: float = setting(50.0, above=0)         # grey levels that count as alike
    threshold: float = setting(0.0, low=0, high=1)          # adaptive: its window, share of the shorter side, never
                                                            # less than 2.5 strokes; 0: by the ground's level
    offset: float = setting(12.0, low=0, high=255)          # levels by which ink exceeds its surroundings, the ground
                                                            # at 0 and full brightness at 255
    specks: float = setting(0.0, low=0, high=2)             # dust: ink spots narrower than this share of the pen's
                                                            # width, and spots far from the strokes; 0: all is kept
    roi: bool = False                                       # cut to the bounding box of the ink
    padding: float = setting(0.02, low=0, high=1)           # around it, share of its longer side; inside: unused

    @property
    def has_steps(self) -> bool:
        """Return whether anything is done to the pixels of a decoded picture."""
        return self.polarity != "keep" or bool(self.bilateral or self.threshold or self.roi)


@dataclass(frozen=True)
class Draw:
    """How copies are drawn. Val and test rows get the plain view: centred, upright, scale halfway in its bounds."""
    canvas: tuple[int, int] = setting(low=8, high=4096)     # height, width in pixels
    copies: int = setting(low=1, high=1_000_000)            # training rows from each source image
    fit: str = setting("inside", choices=("inside", "cover", "stretch"))    # the picture within the canvas, the canvas
                                                            # within the picture, or squeezed to the canvas
    rotation: float = setting(0.0, low=0, high=180)         # up to ± degrees
    scale: tuple[float, float] = setting((1.0, 1.0), above=0, high=1)   # inside: the box of the turned picture fills
                                                            # so much of the canvas; else: the canvas sees so much
                                                            # of the picture's side
    shear: float = setting(0.0, low=0, high=45)             # slanted by up to ± degrees
    aspect: float = setting(1.0, low=1, high=4)             # up to so many times wider, or higher
    broaden: float = setting(0.0, low=0, high=0.2)          # pens up to so much broader on each side,
                                                            # share of the region's longer side
    contrast: tuple[float, float] = setting((1.0, 1.0), above=0, high=10)   # times the levels: of ink from black,
                                                            # else from the picture's mean
    flip: float = setting(0.0, low=0, high=1)               # probability of a mirror image
    place: bool = True                                      # random place, or the middle


@dataclass(frozen=True)
class Shards:
    """How shards are written: rows per file and compression."""
    compression: str = setting("none", choices=("none", "lz4", "gzip"))
    megabytes: int = setting(64, low=1, high=4096)          # pixels in a shard, at most


@dataclass(frozen=True)
class Model:
    """A network by name; keys that are not listed here are arguments of the network (data/networks.py)."""
    name: str = setting()
    args: dict = field(default_factory=dict)
    weights: str = ""                                       # "imagenet", one of torchvision's names such as
                                                            # "IMAGENET1K_V1", or a .pth file; "": random
    freeze: tuple[str, ...] = ()                            # names of modules that stay as they are, such as
                                                            # "layer1"; "backbone" is all but the head,
                                                            # the last layer and those of head_widths
    head: str = setting("random", choices=("random", "fitted"))      # how the last layer begins: at random, or fitted
                                                            # to the features of the training rows by logistic
                                                            # regression
    size: int = setting(0, low=0, high=4096)                # shorter side that the network sees, resized on
                                                            # the device, pixels; 0: as the rows are
    normalise: str = setting("dataset", choices=("dataset", "imagenet"))    # whose mean and deviation are used


@dataclass(frozen=True)
class Train:
    """How the model is trained."""
    budget: str = setting("10m")                            # "45s", "10m", "1h", for everything that training does
    epochs: int | Literal["auto"] = setting(20, low=1)      # planned passes over all rows; the budget may end them
                                                            # before; auto: as many as it has time for
    batch: int | Literal["auto"] = setting(256, low=1)      # images; auto: the largest power of two that the memory
                                                            # takes, 1024 at most, 128 on a CPU
    optimizer: str = setting("adamw", choices=("adam", "adamw", "sgd", "muon"))
    lr: float = setting(0.002, above=0)                     # peak learning rate
    weight_decay: float = setting(0.01, low=0)
    momentum: float = setting(0.9, low=0, below=1)          # SGD, Muon
    schedule: str = setting("cosine", choices=("constant", "step", "exponential", "cosine",
                                               "onecycle", "linear"))
    warmup: float = setting(0.05, low=0, below=1)           # share of the run spent rising to lr
    label_smoothing: float = setting(0.0, low=0, below=1)
    ema: float = setting(0.0, low=0, below=1)               # decay of the weights' running mean, a step; after n
                                                            # steps (1 + n) / (10 + n) at most. best.pth: the
                                                            # better of mean and last weights
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16", "float16"))
                                                            # auto: the fastest one here
    compile: str = setting("none", choices=("none", "default", "reduce-overhead", "max-autotune"))
                                                            # modes of torch.compile; the last two use CUDA graphs
    engine: str = setting("auto", choices=("auto", "threads", "memory", "dataloader"))    # auto: memory if it fits
    workers: int = setting(2, low=0, high=256)              # reading threads, or dataloader's processes
    pin_memory: bool = True                                 # page-locked buffers (CUDA only)
    window: int = setting(256, low=1)                       # MB that are shuffled together
    nesterov: bool = True                                   # SGD, Muon: look ahead along the momentum
    clip: float = setting(0.0, low=0)                       # largest norm of the gradient, all weights; 0: no limit
    backbone_lr: float = setting(1.0, low=0)                # of all but the head, share of lr
    steps: tuple[tuple[float, float], ...] = ((0.5, 0.1), (0.75, 0.1))    # schedule "step": from this share of the
                                                            # run after warm-up on, lr is multiplied by this factor;
                                                            # the factors multiply
    final: float = setting(0.01, above=0, high=1)           # schedule "exponential": ends at this share of lr
    keep: str = setting("best", choices=("best", "last"))   # best.pth: the best on val, or the last, unless earlier
                                                            # ones are better by more than a standard error
    patience: int = setting(0, low=0)                       # epochs without a better val that end it; 0: never
    sampling: float = setting(0.0, low=0, high=1)           # classes drawn by (their rows)^-this: 0 each row once
                                                            # an epoch, 1 each class as often as any other
    class_weights: str = setting("none", choices=("none", "balanced", "effective"))    # in the loss: by 1 / rows, or
                                                            # by effective number (arXiv:1901.05555)
    refit: bool = False                                     # a fitted head that is not trained further: once its
                                                            # weight decay is chosen, fit it to val, too

    @property
    def most_epochs(self) -> int:
        """The planned epochs; "auto": more than any budget has time for."""
        return _ENDLESS if self.epochs == "auto" else self.epochs

    @property
    def batch_rows(self) -> int:
        """Images of a batch; the default number until training has replaced "auto"."""
        return Train().batch_rows if self.batch == "auto" else self.batch


@dataclass(frozen=True)
class Augment:
    """Random augmentation of each training image on the device; 0 skips a step. Never for val and test rows."""
    crop: int = setting(0, low=0, high=1024)                # shifted by up to ± pixels of what the network sees
    border: str = setting("zero", choices=("zero", "reflect"))   # what fills the border: the training mean, or
                                                            # the image mirrored
    flip: float = setting(0.0, low=0, high=1)               # probability of a mirror image, left to right
    rotation: float = setting(0.0, low=0, high=180)         # up to ± degrees
    translate: float = setting(0.0, low=0, high=1)          # up to ± share of the side
    scale: tuple[float, float] = setting((1.0, 1.0), above=0, high=10)    # times as large, at random
    blur: float = setting(0.0, low=0, high=1)               # probability of a Gaussian blur, 5×5
    blur_sigma: tuple[float, float] = setting((0.1, 2.0), above=0, high=10)    # pixels
    brightness: float = setting(0.0, low=0)                 # up to ± standard deviations of the training set
    contrast: float = setting(0.0, low=0, high=1)           # times 1 ± up to this, about the image's mean
    erase: float = setting(0.0, low=0, high=1)              # probability of an erased box (arXiv:1708.04896)
    erase_area: tuple[float, float] = setting((0.02, 0.4), above=0, high=1)    # share of the image
    cutmix: float = setting(0.0, low=0, high=1)             # probability of a box of another image (arXiv:1905.04899);
                                                            # with mixup's 1 at most
    cutmix_alpha: float = setting(1.0, above=0)             # its share is Beta(alpha, alpha)
    mixup: float = setting(0.0, low=0, high=1)              # probability of a blend with another (arXiv:1710.09412)
    mixup_alpha: float = setting(0.2, above=0)              # its share is Beta(alpha, alpha)
