"""Fold batch normalisation into the convolutions before it, for a network that only evaluates."""

import copy

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# what torch.fx raises for code that it cannot follow
CANNOT_TRACE = (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, LookupError, AttributeError, NameError,
                AssertionError)


def folded(model: nn.Module) -> nn.Module:
    """Return a copy of a network that gives the same in less time: evaluation only, weights of its own.

    Each batch normalisation right behind a convolution becomes part of that convolution's weights; others stay. So does
    all of a network that torch.fx cannot follow. Results differ by rounding, about 1e-5.
    """
    model = copy.deepcopy(model).eval()
    try:
        traced = fx.symbolic_trace(model)
    except CANNOT_TRACE:                              # its code asks for values of the picture
        return model
    modules = dict(traced.named_modules())
    used = [node.target for node in traced.graph.nodes if node.op == "call_module"]
    for node in list(traced.graph.nodes):
        if not (node.op == "call_module" and type(modules[node.target]) is nn.BatchNorm2d):
            continue
        before = node.args[0]
        if (before.op == "call_module" and type(modules[before.target]) is nn.Conv2d and len(before.users) == 1
                and used.count(before.target) == 1):
            traced.set_submodule(before.target, fuse_conv_bn_eval(modules[before.target], modules[node.target]))
            node.replace_all_uses_with(before)
            traced.graph.erase_node(node)
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced.eval()
