"""Networks by name. A network takes (B, C, H, W) normalised floats and gives (B, classes) logits.

Read in this order: `head`, `blocks`, `gradients`, `resnet`, `convnet` and `efficientnet_lite0` (our own), `published`
(torchvision's), `timm_networks`, `build` (by name), `weight_sources` and `pretrained` (weights from elsewhere, and
freezing), `folded` (a faster copy for evaluation), `command` (the list of them all).
"""


def __getattr__(name: str):
    """Import `build_model` and the others, with torch, on first use: `--help` needs none of them."""
    if name not in ("MODELS", "build_model", "check_batch"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tenfold.train.models import build
    return getattr(build, name)
