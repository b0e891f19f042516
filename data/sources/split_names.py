"""Which part of a set a name stands for: "Training", "mnist_test" or "valid-images" -> train, test, val."""

import itertools
import re
from dataclasses import dataclass

SPLIT_WORDS = {
    "train": ("train", "training", "trn", "trainval"),
    "val": ("val", "valid", "validation", "validate", "validating", "vali", "dev", "devel", "development"),
    "test": ("test", "tests", "testing", "tst", "eval", "evaluation", "evaluate", "holdout"),
}
# words that say nothing about what a folder holds: "training_set", "test images", "val-256"
FILLERS = frozenset({"set", "sets", "data", "dataset", "datasets", "image", "images", "img", "imgs", "picture",
                     "pictures", "photo", "photos", "pics", "folder", "split", "part", "subset", "samples", "png",
                     "jpg", "jpeg", "all"})
# folders that usually lie beside the parts and are none
BESIDE = frozenset({"unlabeled", "unlabelled", "extra", "pred", "predict", "prediction", "predictions", "inference",
                    "unknown", "submission", "unsupervised", "query", "gallery"})
_PART = {word: split for split, words in SPLIT_WORDS.items() for word in words}
_PART |= {word + filler: split for (word, split), filler in
          itertools.product(_PART.items(), ("set", "sets", "data", "images", "imgs", "img"))}


@dataclass(frozen=True)
class Part:
    """What a name says about a part."""
    split: str               # "train", "val" or "test"
    rank: int                # 0: the bare word, 1: with fillers or numbers, 2: with other words
    rest: tuple[str, ...]    # those other words: ("mnist",) of "mnist_train"


def words_of(name: str) -> list[str]:
    """The words of a name in lower case: "MyTrainSet-2017" -> my, train, set, 2017."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)", " ", name)
    return [word.lower() for word in re.split(r"[\W_]+", name) if word]


def part_of(name: str) -> Part | None:
    """The part that `name` stands for; None: it stands for none, or for several."""
    words = words_of(name)
    known = [_PART[word] for word in words if word in _PART]
    if set(known) == {"train", "val"} and len(words) == 2:       # "train_val" is PASCAL VOC's training part
        return Part("train", 1, ())
    rest = tuple(word for word in words if word not in _PART and word not in FILLERS and not word.isdigit())
    telling = [word for word in words if word in _PART or word in rest]
    if len(known) != 1 or (telling[0] not in _PART and telling[-1] not in _PART):
        return None
    return Part(known[0], 2 if rest else 0 if len(words) == 1 and words[0] in SPLIT_WORDS[known[0]] else 1, rest)


def split_named(text: str) -> str | None:
    """"valid", "Test set", … -> "val", "test"; None: another word."""
    part = part_of(text)
    return part.split if part and part.rank < 2 else None


def is_beside(name: str) -> bool:
    """Whether a folder of this name usually lies beside the parts: "extra", "seg_pred"."""
    return any(word in BESIDE for word in words_of(name))
