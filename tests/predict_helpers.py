"""A model, unlabelled pictures, and `tenfold predict` run on them in this process."""

import shutil

import pytest
import train_helpers as t

from tenfold.predict.command import main


@pytest.fixture(scope="module", name="base")
def model_folder(tmp_path_factory):
    """images/, shards/stripes and best.pth."""
    base = tmp_path_factory.mktemp("predict")
    t.untrained(t.built(base), base / "best.pth")
    return base


@pytest.fixture(name="here")
def picture_folder(base, tmp_path):
    """best.pth and a folder of unlabelled pictures where the test stands."""
    shutil.copy(base / "best.pth", tmp_path)
    (tmp_path / "new/deep er").mkdir(parents=True)
    for i, path in enumerate(sorted((base / "images/down").iterdir())[:5]):
        shutil.copy(path, tmp_path / ("new/deep er" if i % 2 else "new") / f"{i}.png")
    return tmp_path


def predict(capsys, *words) -> t.Ran:
    capsys.readouterr()
    try:
        code = main(["--device=cpu", *map(str, words)])
    except SystemExit as end:
        code = end.code
    return t.Ran(code, *capsys.readouterr())


def rows(path="runs/stripes-predictions/predictions.csv") -> list[dict]:
    return t.csv_rows(path)
