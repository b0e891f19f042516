"""python -m benchmarks.auto_autogluon: fine-tune a network by AutoGluon in the time that is given.

As its documentation has MultiModalPredictor for images, with its defaults; the network is timm's EfficientNet-Lite0,
whose ImageNet weights are on disk, since those of its presets would have to be downloaded.
"""

import json
from pathlib import Path
from typing import Any

from benchmarks.auto_theirs import LITE0, Job, answer, seconds_each, write_weights

_LOOKS = 4                   # at val after the time limit: it averages its three best checkpoints
_OTHER = 1.5                 # times the seconds of the network alone: decoding, beside it
_ENDS = 10                   # seconds of all that it starts and ends after the time limit


def train(job: Job) -> float:
    """Return top-1 of the test pictures."""
    from tenfold.data.vision import torchvision
    torchvision()                                # which AutoGluon imports
    from autogluon.multimodal import MultiModalPredictor
    network, after = _network(job)
    predictor = MultiModalPredictor(label="label", eval_metric="accuracy", path=str(job.scratch / "predictor"))
    predictor.fit(_table(job, "train"), tuning_data=_table(job, "val"), time_limit=max(job.left - after, 1),
                  seed=job.seed, hyperparameters={"model.names": ["timm_image"], "env.num_gpus": 0,
                                                  "model.timm_image.checkpoint_name": str(network)})
    return predictor.evaluate(_table(job, "test"), metrics=["accuracy"])["accuracy"]


def _network(job: Job) -> tuple[Path, float]:
    """(folder of the network as AutoGluon opens one from disk, seconds that val and test need after the training)."""
    import timm
    net, folder = timm.create_model(LITE0, num_classes=0), job.scratch / "network"
    folder.mkdir()
    write_weights(folder / "pytorch_model.bin")
    facts = {key: net.default_cfg[key] for key in ("input_size", "mean", "std")}
    (folder / "config.json").write_text(json.dumps(
        {"architecture": LITE0, "num_features": net.num_features, "pretrained_cfg": facts}), encoding="utf-8")
    pictures = _LOOKS * job.count("val") + job.count("test")
    return folder, _OTHER * pictures * seconds_each(net, facts["input_size"][1], training=False) + _ENDS


def _table(job: Job, split: str) -> Any:
    """A table of the pictures' paths and labels, in random order."""
    import pandas as pd
    paths = sorted((job.folder / split).glob("*/*.png"))
    table = pd.DataFrame({"image": map(str, paths), "label": [path.parent.name for path in paths]})
    return table.sample(frac=1, random_state=job.seed).reset_index(drop=True)


if __name__ == "__main__":
    answer(train)
