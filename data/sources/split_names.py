"""Find out which split a name means: "Training", "mnist_test" or "valid-images" -> train, test, val."""

import itertools
import re
from dataclasses import dataclass

SPLIT_WORDS = {
    "train": ("train", "training", "trn", "trainval", "entrenamiento", "treino", "treinamento", "entrainement",
              "entraînement", "apprentissage", "addestramento", "egitim", "eğitim", "latih", "pelatihan", "训练",
              "训练集", "訓練", "訓練集"),
    "val": ("val", "valid", "validation", "validate", "validating", "vali", "dev", "devel", "development", "valide",
            "validacion", "validación", "validacao", "validação", "validierung", "convalida", "dogrulama",
            "doğrulama", "validasi", "验证", "验证集", "驗證", "驗證集", "publictest"),
    "test": ("test", "tests", "testing", "tst", "eval", "evaluation", "evaluate", "holdout", "prueba", "pruebas",
             "teste", "testes", "uji", "pengujian", "测试", "测试集", "測試", "測試集", "privatetest"),
}
# words that say nothing about what a folder holds: "training_set", "test images", "val-256"
FILLERS = frozenset({"set", "sets", "data", "dataset", "datasets", "image", "images", "img", "imgs", "picture",
                     "pictures", "photo", "photos", "pics", "folder", "split", "part", "subset", "samples", "png",
                     "jpg", "jpeg", "all"})
# words in the names of folders that are often found beside splits, but are not splits
BESIDE = frozenset({"unlabeled", "unlabelled", "extra", "pred", "predict", "prediction", "predictions", "inference",
                    "unknown", "submission", "unsupervised", "query", "gallery"})
_SPLIT = {word: split for split, words in SPLIT_WORDS.items() for word in words}
_SPLIT |= {word + filler: split for (word, split), filler in
           itertools.product(_SPLIT.items(), ("set", "sets", "data", "images", "imgs", "img"))}
# val and test of FER2013, as of other contests: "PublicTest", "private_test"
_HALF = re.compile(r"(public|private)[\W_]*test(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class SplitName:
    """A name that means a split, taken apart."""
    split: str               # "train", "val" or "test"
    rank: int                # 0: the bare word, 1: with fillers or numbers, 2: with other words
    rest: tuple[str, ...]    # those other words: ("mnist",) of "mnist_train"


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case: "MyTrainSet-2017" -> my, train, set, 2017."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d_])(?=\d)", " ", name)
    return [word.lower() for word in re.split(r"[\W_]+", name) if word]


def parse_split_name(name: str) -> SplitName | None:
    """Return the split that `name` means; None: it means none, or several."""
    words = words_of(_HALF.sub(r" \1test ", name))
    known = [_SPLIT[word] for word in words if word in _SPLIT]
    rest = tuple(word for word in words if word not in _SPLIT and word not in FILLERS and not word.isdigit())
    if set(known) == {"train", "val"} and set(rest) <= {"and"}:          # "train_val" is PASCAL VOC's training split
        return SplitName("train", 1, ())
    telling = [word for word in words if word in _SPLIT or word in rest]
    if len(known) != 1 or (telling[0] not in _SPLIT and telling[-1] not in _SPLIT):
        return None
    return SplitName(known[0], 2 if rest else 0 if len(words) == 1 and words[0] in SPLIT_WORDS[known[0]] else 1, rest)


def bare_split(text: str) -> str | None:
    """Return "val" of "valid", "test" of "Test set"; None: the text holds other words too."""
    name = parse_split_name(text)
    return name.split if name and name.rank < 2 else None


def is_beside(name: str) -> bool:
    """Return whether a folder of this name is usually not a split, but beside the splits: "extra", "seg_pred"."""
    return any(word in BESIDE for word in words_of(name))
