"""Read what a build printed and wrote."""

import json

import numpy as np
from conftest import opened, sources_of


def reported(ran) -> dict:
    assert ran.code == 0, ran
    return json.loads(ran.out.splitlines()[-1])


def index(folder) -> dict:
    return json.loads((folder / "dataset.json").read_text()) | {"sources": sources_of(folder)}


def rows(folder) -> dict[str, np.ndarray]:
    """Every row of every shard, with the split it lies in."""
    columns = {"split": [], "image": [], "label": [], "source": [], "copy": []}
    for name in sorted(p.name for p in folder.glob("*-*.h5")):
        with opened(folder / name) as f:
            columns["split"] += [name.split("-")[0]] * len(f["label"])
            for key in list(columns)[1:]:
                columns[key] += list(f[key][:])
    return {k: np.array(v) for k, v in columns.items()}
