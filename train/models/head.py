"""Find the head of any network: the layers that turn features into classes.

The head is the last layer, with the layers that `head_widths` puts before it. Everything else is the backbone. Other
fully connected layers of a published network belong to the backbone, because their weights fit any number of classes.
"""

from dataclasses import dataclass

from torch import nn

_MARK = "is_head"            # set on modules that `head_widths` made


@dataclass(frozen=True)
class Head:
    """A head, by the names of its modules in the order of their layers."""
    modules: tuple[str, ...]

    def holds(self, name: str) -> bool:
        """Return whether the module or weight with this name belongs to the head."""
        return any(name == module or name.startswith(f"{module}.") for module in self.modules)

    def may_hold(self, name: str) -> bool:
        """Return whether a weight of this name, in a file of the same network, may belong to a head with other layers.

        The modules of our own networks are numbered, and the head comes last: from the number of its first module on,
        all layers belong to a head.
        """
        first, (number, _, kind) = self.modules[0], name.partition(".")
        return self.holds(name) or (first.isdigit() and number.isdigit() and int(number) >= int(first)
                                    and kind in ("weight", "bias"))


def find_head(net: nn.Module) -> Head:
    """Return the head of any network that `build_model` makes."""
    marked = [name for name, m in net.named_modules() if getattr(m, _MARK, False)]
    outer = [name for name in marked if name.rpartition(".")[0] not in marked]
    return Head(tuple(outer) or (layers(net)[-1][0],))


def mark(module: nn.Module) -> nn.Module:
    """Mark a module as part of the head, and return it."""
    setattr(module, _MARK, True)
    return module


def layers(net: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return (name, module) of each convolution and linear layer; the last one makes logits."""
    return [(name, m) for name, m in net.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
