"""Fold batch normalisation into the convolutions before it: a faster copy of a network, for evaluation only."""

import copy

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# what torch.fx raises for code that it cannot trace
CANNOT_TRACE = (fx.proxy.TraceError, TypeError, ValueError, RuntimeError, LookupError, AttributeError, NameError,
                AssertionError)


def folded(model: nn.Module) -> nn.Module:
    """Return a copy of a network for inference, with batch normalisation folded into the convolutions before it.

    It shares no weights with the network, evaluates faster, and cannot be trained. A network that
    torch.fx cannot trace is copied unchanged. Results differ by rounding, about 1e-5.
    """
    model = copy.deepcopy(model).eval()
    try:
        traced = fx.symbolic_trace(model)
    except CANNOT_TRACE:                              # its code depends on values of the picture
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
