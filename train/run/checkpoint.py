"""Write and read checkpoints, best.pth and last.pth: only what torch.load(weights_only=True) accepts."""

from __future__ import annotations

import io
import os
import pickle
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tenfold.data.digests import DIFFERS, DigestError, check_trailer, zip_trailer
from tenfold.data.errors import AUGMENT_AGAIN, CheckpointFault, RecipeFault, ShardFault, unreadable
from tenfold.data.fields import Number, misfit
from tenfold.data.files import open_file, publish
from tenfold.data.recipe import Recipe, make_recipe, recipe_tables, renewed
from tenfold.data.schema import CHANNELS, COMMON, CONTRAST, INDEX, SIDE

if TYPE_CHECKING:            # a checkpoint is opened without h5py
    from tenfold.data.shardset import ShardSet

SCHEMA = 1
_WEIGHTS = {str: torch.Tensor}
_HEAD = {"model": str, "arguments": {str: object}, "classes": [str], "canvas": [SIDE, SIDE], "channels": CHANNELS,
         "mean": [float], "std": [float], "recipe": dict, "dataset": str,
         "common?": (None, COMMON), "contrast?": (None, CONTRAST),
         "trained_on?": (None, torch.Tensor), "chosen_by?": (None, torch.Tensor)}
_BEST = _HEAD | {"weights": _WEIGHTS, "metrics": {str: object},      # last.pth has these too, but the temperature
                 "temperature?": Number(0)}


def describe(shards: ShardSet, recipe: Recipe) -> dict:
    """Return a checkpoint's content except weights and metrics: what the model is, and what it was trained on.

    ShardFault: dataset.json has values for this that make no sense.
    """
    index = shards.index
    head = {"schema": SCHEMA, "model": recipe.model.name, "arguments": recipe.model.args,
            "classes": list(shards.classes), "canvas": index["canvas"], "channels": index["channels"],
            "mean": index["mean"], "std": index["std"], "recipe": recipe_tables(recipe), "dataset": index["digest"],
            "pixels_version": index.get("pixels_version"),
            "class_counts": index.get("class_counts"), "common": index.get("common"), "contrast": index.get("contrast"),
            "trained_on": image_numbers(shards, "train"), "chosen_by": image_numbers(shards, "val")}
    if recipe.model.normalise == "imagenet" and index["channels"] in (1, 3):
        from tenfold.train.models.published import usual_normalisation
        head["mean"], head["std"] = usual_normalisation(recipe.model.name, index["channels"])
    fact = misfit(head, _HEAD) or _disagreement(head)
    if fact:
        raise ShardFault(shards.shown / INDEX, f"is damaged ({fact})", AUGMENT_AGAIN)
    return head


def with_val_learnt(head: dict) -> dict:
    """Return the content that `describe` returned, for a model that was in the end fitted to the images of val, too."""
    counts = head["class_counts"]
    if counts:
        counts = counts | {"train": [sum(both) for both in zip(counts["train"], counts["val"], strict=True)]}
    return head | {"trained_on": torch.cat([head["trained_on"], head["chosen_by"]]).unique(), "class_counts": counts}


def image_numbers(shards: ShardSet, split: str) -> torch.Tensor:
    """Return a number for each source image of a split, computed from its pixels: int64 (images,), sorted.

    By these numbers a model recognises the images it was trained on. In one of two million sets of a million images,
    two of them have the same number. ShardFault: the set's table of sources is damaged.
    """
    digests = shards.sources.column("digest")[shards.sources.in_split(split)]
    digests = digests[digests.any(axis=1)]       # all zeros: not known
    first = np.ascontiguousarray(digests[:, :8]).view(">u8")[:, 0] >> 4        # its first 60 bits
    return torch.from_numpy(np.sort(first.astype(np.int64)))


def save(path: str | os.PathLike[str], content: dict) -> None:
    """Write a checkpoint and its digest, whole or not at all. MachineFault: disk full, no permission."""
    held = io.BytesIO()      # written by ourselves: torch reports a full disk as an error of its file format
    torch.save(content, held)
    with held.getbuffer() as data, publish(path) as temporary, open(temporary, "wb") as f:
        trailer = zip_trailer(data)              # the comment of the zip, so any zip reader can open it; it changes
        f.writelines((data, trailer))            # the comment's length in `data`


def read(path: str | os.PathLike[str], cure: str = "use one that `tenfold train` wrote") -> Any:
    """Read what torch.save wrote, to the CPU. CheckpointFault: missing, damaged, or it holds pickled objects."""
    return _read_checked(Path(path), cure)[0]


def _read_checked(path: Path, cure: str) -> tuple[Any, bool]:
    """Return (what torch.save wrote, whether the file has a digest); torch itself notices no damage."""
    try:
        checked = check_trailer(path)
        with open_file(path) as f, warnings.catch_warnings(action="ignore"):     # about odd pickles, refused below
            return torch.load(f, map_location="cpu", weights_only=True), checked
    except IsADirectoryError:
        raise CheckpointFault(path, "is a folder", "name the file in it, such as runs/photos/best.pth") from None
    except FileNotFoundError:
        raise CheckpointFault(path, "does not exist", "run `tenfold train` first, or name another model") from None
    except DigestError:
        raise CheckpointFault(path, DIFFERS, "use a copy that is whole, or train again") from None
    except OSError as error:
        raise unreadable(error, path) or CheckpointFault(path, f"cannot be read ({error.strerror or error})",
                                                         cure) from None
    except Exception as error:                   # torch and pickle raise many kinds for what is not a checkpoint
        odd = "Weights only load failed" in str(error) or isinstance(error, pickle.UnpicklingError)
        raise CheckpointFault(path, "holds pickled objects or is no checkpoint, and is not opened" if odd
                              else "is damaged or not a checkpoint", cure) from None


def load(path: str | os.PathLike[str]) -> dict:
    """Read a checkpoint to the CPU. CheckpointFault: missing, damaged, of another schema, or it holds pickled objects.

    Prints a note if the file carries no digest; older versions wrote none.
    """
    path, cure = Path(path), "use one that `tenfold train` wrote"
    content, checked = _read_checked(path, cure)
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise CheckpointFault(path, f"has schema {schema}, this code reads {SCHEMA}", "train it again")
    fact = misfit(content, _BEST) or _disagreement(content)
    if fact:
        raise CheckpointFault(path, f"is damaged ({fact})", cure)
    if not checked:
        print(f"note: {path} carries no digest (older versions wrote none), so damage to it may go unnoticed")
    return content


def _disagreement(content: dict) -> str:
    """Say what does not fit together in the values that the model is built from; "" if all fits."""
    classes, channels = content["classes"], content["channels"]
    if not classes or len(set(classes)) < len(classes):
        return "it names no classes, or one twice"
    if not len(content["mean"]) == len(content["std"]) == channels:
        return "mean and std do not fit the channels"
    if any(low >= high for _, low, high in (content.get("common") or {}).get("ranges", ())):
        return "each of common.ranges should go from a lower level to a higher one"
    if not 0.1 <= content.get("temperature", 1.0) <= 10:
        return "temperature should be from 0.1 to 10"
    numbers = [content.get(key) for key in ("trained_on", "chosen_by")]
    strange = any(held is not None and (held.dtype != torch.int64 or held.ndim != 1 or not held.is_contiguous())
                  for held in numbers)
    return "trained_on or chosen_by holds no numbers of images" if strange else ""


def _layers(arguments: dict[str, Any]) -> int:
    """Return the least number of layers of a network with these arguments."""
    return max((len(value) if isinstance(value, list) else value if name == "depth" and type(value) is int else 0
                for name, value in arguments.items()), default=0)


def restore(path: str | os.PathLike[str]) -> tuple[torch.nn.Module, Recipe, dict[str, Any]]:
    """Open a checkpoint: (the model with its weights, the recipe, the checkpoint's content)."""
    from tenfold.train.models.build import WeightLimit, build_model
    from tenfold.train.normalise import seen_size
    content = load(path)
    recipe = make_recipe(renewed(content["recipe"]), f"{path} recipe")
    size = seen_size(content["canvas"], recipe.model.size)
    if _layers(content["arguments"]) > len(content["weights"]):      # a hostile file could take minutes to build
        raise CheckpointFault(path, "does not fit its own model (it names more layers than it has weights)",
                              "train it again")
    try:
        held = sum(weight.untyped_storage().nbytes() // weight.element_size() for weight in content["weights"].values())
        with torch.random.fork_rng(devices=[]), WeightLimit(held):   # the random initial weights are replaced below
            model = build_model(content["model"], content["arguments"], content["channels"], len(content["classes"]),
                                size, check=False)
        model.load_state_dict(content["weights"])
        with torch.no_grad():                    # a network that cannot take a picture fails here
            model.eval()(torch.zeros(1, content["channels"], *size))
    except (RecipeFault, RuntimeError, AttributeError, TypeError, LookupError, ValueError, ArithmeticError,
            AssertionError) as error:
        raise CheckpointFault(path, f"does not fit its own model ({str(error).partition(chr(10))[0]})",
                              "train it again") from None
    return model.train(), recipe, content
