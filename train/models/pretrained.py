"""Load pretrained weights into a network, and freeze parts of it."""

import re
from collections.abc import Sequence
from types import MethodType

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from tenfold.data.errors import CheckpointFault, RecipeFault
from tenfold.data.settings import nearest
from tenfold.data.tables import Model
from tenfold.train.models.head import find_head, layers
from tenfold.train.models.weight_sources import find_weights

BACKBONE = "backbone"        # in `freeze`: everything but the head
# DenseNet's published files say denselayer1.norm.1.weight, torchvision's network denselayer1.norm1.weight
_DENSE = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")    # classifiers of GoogLeNet and Inception that only serve their training


def load_weights(model: nn.Module, config: Model) -> None:
    """Load the recipe's pretrained `weights` into the model; do nothing if it names none.

    A head of another shape keeps its initial weights. A first layer for grey pictures takes the sum of the weights for
    red, green and blue; one with another kernel size keeps its initial weights. Everything else must fit. Raises what
    `find_weights` raises, and CheckpointFault: the weights are of another network.
    """
    if not config.weights:
        return
    path, weights = find_weights(config)
    weights = {_DENSE.sub(r"\1\2", k): v for k, v in weights.items() if not k.startswith(_AUXILIARY)}
    model_state, head, first = model.state_dict(), find_head(model), layers(model)[0][0] + ".weight"
    same_head = {k for k in weights if head.may_hold(k)} == {k for k in model_state if head.holds(k)} and all(
        weights[k].shape == v.shape for k, v in model_state.items() if head.holds(k))
    wrong, new = [], [] if same_head else list(head.modules)
    with torch.no_grad():
        for name, mine in model_state.items():
            theirs = weights.pop(name, None)
            if head.holds(name) and not same_head:
                continue
            if theirs is None:
                if not name.endswith("num_batches_tracked"):      # missing in older files
                    wrong.append(f"it lacks {name}")
            elif theirs.shape == mine.shape:
                mine.copy_(theirs)
            elif name == first and {mine.shape[1], *theirs.shape[1:2]} == {1, 3} and \
                    theirs.shape[2:] == mine.shape[2:] and theirs.shape[0] == mine.shape[0]:
                mine.copy_(theirs.sum(1, keepdim=True) / mine.shape[1])       # grey for colour, or the reverse
            elif name == first and theirs.ndim == mine.ndim:
                new.append(name)
            else:
                wrong.append(f"{name} is {list(theirs.shape)}, not {list(mine.shape)}")
    wrong += [f"it has {name} besides" for name in weights if not head.may_hold(name)]
    if wrong:
        raise CheckpointFault(path, f"does not fit '{config.name}' as the recipe has it ({'; '.join(wrong[:3])}"
                              f"{'; …' if len(wrong) > 3 else ''})", "give the weights of this very network")
    print(f"weights from {path}" + (f"; new: {', '.join(new)}" if new else ""))


def freeze(model: nn.Module, prefixes: Sequence[str]) -> None:
    """Freeze the modules with these names, and all modules inside them.

    They get no gradients and stay in evaluation mode, so batch statistics do not change and dropout is off.
    RecipeFault: no module has such a name, or nothing is left to train.
    """
    head, modules = find_head(model), dict(model.named_modules())
    known = {*modules, *(name for name, _ in model.named_parameters())} - {""}
    for prefix in prefixes:
        if prefix not in known and prefix != BACKBONE:
            near = [name for name in known if name.count(".") <= prefix.count(".")]
            raise RecipeFault("[model] freeze", f"names '{prefix}', which the network does not have",
                              nearest(prefix, [BACKBONE, *near]))

    def frozen(name: str) -> bool:
        return any((prefix == BACKBONE and not head.holds(name)) or name == prefix or name.startswith(prefix + ".")
                   for prefix in prefixes)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not frozen(name))
    for name, module in modules.items():
        # a module without weights, such as the dropout before a head, follows the mode of the module around it
        if frozen(name) and any(True for _ in module.parameters()) and not any(map(_learns, module.parameters())):
            module.train = MethodType(_stay_in_evaluation, module)
            module.eval()
    if not any(map(_learns, model.parameters())):
        raise RecipeFault("[model] freeze", "leaves nothing to train", "leave the head out of it")


def keep_statistics(model: nn.Module) -> None:
    """Keep the running statistics of batch normalisation as they are, and use them in training, too.

    A head is fitted to features by these statistics. If steps then used those of their batches, as of digits in a
    network that was trained on photographs, the first steps would undo what was fitted.
    """
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            layer.train = MethodType(_stay_in_evaluation, layer)
            layer.eval()


def _learns(parameter) -> bool:
    return parameter.requires_grad


def _stay_in_evaluation(self, mode: bool = True):
    """Replace `train` of a frozen module: whatever the mode, it stays in evaluation mode."""
    return nn.Module.train(self, False)
