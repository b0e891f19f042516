"""Split a network into its frozen first part, whose results never change, and the rest.

A frozen part (models/pretrained.py) computes the same for a picture in every epoch, up to the first layer that learns
or draws random numbers, such as the dropout before a head.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from tenfold.train.device import same_random_state
from tenfold.train.models.folded import CANNOT_TRACE


@dataclass(frozen=True)
class SplitNetwork:
    """A network in two parts, as graphs over its own modules: rest(frozen(x)) is the network's result for x."""
    frozen: fx.Graph         # (B, C, H, W) normalised -> features (B, …)
    rest: fx.Graph           # features -> logits (B, classes)

    def parts(self, model: nn.Module) -> tuple[nn.Module, nn.Module]:
        """Return both parts as modules that share the layers of `model`, which is the network or a copy of it."""
        return fx.GraphModule(model, self.frozen, "Frozen"), fx.GraphModule(model, self.rest, "Rest")


def split_network(model: nn.Module) -> SplitNetwork | None:
    """Return the two parts of a network; None: its first part is not frozen, or it cannot be split."""
    model.train()
    try:
        graph = fx.symbolic_trace(model).graph
    except CANNOT_TRACE:                              # its code depends on values of the picture
        return None
    changing = _changing(model, graph)
    for last in reversed(graph.nodes):           # find the largest part of which only the last result is used later
        after = changing | _following(graph, last)
        before = [n for n in graph.nodes if n not in after]
        if last in before and last.op != "placeholder" and [n for n in before if after & n.users.keys()] == [last]:
            frozen, rest = fx.Graph(), fx.Graph()
            frozen.output(_copied(frozen, before, {})[last])
            _copied(rest, (n for n in graph.nodes if n in after), {last: rest.placeholder("features")})
            return SplitNetwork(frozen, rest)
    return None


def agrees(model: nn.Module, parts: tuple[nn.Module, nn.Module], x: torch.Tensor) -> bool:
    """Return whether both parts together give the network's results, in training and evaluation; nothing changes."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    same = []
    with torch.no_grad():
        for training in (True, False):
            made = []
            feature = parts[0](x)
            for call in (lambda: model(x), lambda feature=feature: parts[1](feature.clone())):
                model.train(training)
                with same_random_state(x.device):
                    made.append(call())
                for name, buffer in model.named_buffers():
                    buffer.copy_(before[name])
            same.append(torch.allclose(*made, rtol=1e-3, atol=1e-4))
    model.train()
    return all(same)


class _Either:
    """The forward pass of a network that takes pictures or, as input of its second part, features of one shape."""

    def __init__(self, pictures, rest: nn.Module, shape: torch.Size):
        self._pictures, self._rest, self._shape = pictures, rest, shape

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return (self._rest if x.shape[1:] == self._shape else self._pictures)(x)


def accept_features(model: nn.Module, rest: nn.Module, shape: torch.Size) -> None:
    """Let a network take features (B, *shape) in place of pictures, which must have another shape.

    The loss and every evaluation, of the network or its EMA, then take either. The weights keep their names.
    """
    model.forward = _Either(model.forward, rest, shape)


def _changing(model: nn.Module, graph: fx.Graph) -> set[fx.Node]:
    """Return the nodes that learn, draw random numbers or keep statistics, and all nodes that depend on these."""
    found: set[fx.Node] = set()
    for node in graph.nodes:
        if (node.op == "output" or any(before in found for before in node.all_input_nodes)
                or (node.op == "call_module" and _changes(model.get_submodule(node.target)))
                or (node.op == "get_attr" and getattr(_attribute(model, node.target), "requires_grad", False))):
            found.add(node)
    return found


def _following(graph: fx.Graph, node: fx.Node) -> set[fx.Node]:
    """Return the nodes that depend on the result of `node`."""
    found = {node}
    for other in graph.nodes:
        if found & set(other.all_input_nodes):
            found.add(other)
    return found - {node}


def _changes(module: nn.Module) -> bool:
    return any(p.requires_grad for p in module.parameters()) or any(
        m.training and isinstance(m, (_DropoutNd, _NormBase)) for m in module.modules())


def _attribute(model: nn.Module, path: str):
    owner, _, name = path.rpartition(".")
    return getattr(model.get_submodule(owner), name)


def _copied(graph: fx.Graph, nodes: Iterable[fx.Node], known: dict[fx.Node, fx.Node]) -> dict[fx.Node, fx.Node]:
    """Copy nodes into a graph, in order. known: {original: copy} of inputs that are in the graph already."""
    for node in nodes:
        known[node] = graph.node_copy(node, lambda before: known[before])
    return known
