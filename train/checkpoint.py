"""best.pth and last.pth: plain values and tensors that torch.load(weights_only=True) accepts."""

import pickle
from pathlib import Path

import torch

from data.errors import CheckpointFault
from data.files import publish
from data.recipe import make_recipe, recipe_tables
from data.shard import ShardSet

SCHEMA = 1
_BEST = {"schema": int, "weights": dict, "model": str, "arguments": dict, "classes": list, "canvas": list,
         "channels": int, "mean": list, "std": list, "recipe": dict, "dataset": str, "metrics": dict}


def describe(shards: ShardSet, recipe) -> dict:
    """All of a checkpoint but weights and metrics: what the model is, and what it was trained on."""
    return {"schema": SCHEMA, "model": recipe.model.name, "arguments": recipe.model.args,
            "classes": list(shards.classes), "canvas": list(shards.row_shape[:2]),
            "channels": shards.row_shape[2], "mean": shards.index["mean"], "std": shards.index["std"],
            "recipe": recipe_tables(recipe), "dataset": shards.index["digest"]}


def save(path, content: dict) -> None:
    """Whole or not at all. Raises MachineFault: disk full, no permission."""
    with publish(path) as temporary:
        torch.save(content, temporary)


def load(path) -> dict:
    """A checkpoint on the CPU. CheckpointFault: missing, damaged, of pickled objects, of another schema."""
    path = Path(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointFault(path, "does not exist", "run `make train` first, or name another MODEL") from None
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError,
            AttributeError, IndexError) as error:
        odd = "Weights only load failed" in str(error) or isinstance(error, pickle.UnpicklingError)
        raise CheckpointFault(path, "holds pickled objects or is no checkpoint, and is not opened" if odd
                              else "is damaged or not a checkpoint", "use one that `make train` wrote") from None
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise CheckpointFault(path, f"has schema {found}, this code reads {SCHEMA}", "train it again")
    for key, kind in _BEST.items():
        if not isinstance(content.get(key), kind):
            raise CheckpointFault(path, f"lacks a {kind.__name__} '{key}'", "use one that `make train` wrote")
    return content


def restore(path):
    """(model with its weights, recipe, the checkpoint's content)."""
    from train.models import build_model
    content = load(path)
    recipe = make_recipe(content["recipe"], f"{path} recipe")
    model = build_model(content["model"], content["arguments"], content["channels"], len(content["classes"]),
                        tuple(content["canvas"]))
    try:
        model.load_state_dict(content["weights"])
    except RuntimeError as error:
        raise CheckpointFault(path, f"does not fit its own model ({str(error).splitlines()[0]})",
                              "train it again") from None
    return model, recipe, content
