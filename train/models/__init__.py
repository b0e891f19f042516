"""Networks by name. A network takes (B, C, H, W) normalised floats and gives (B, classes) logits.

Read in this order: `head`, `blocks`, `gradients` and `whitening` (first layers without weights that learn), `resnet`,
`convnet` and `efficientnet_lite0` (our own), `published` (torchvision's), `timm_networks`, `build` (build_model: any of
them by name), `weight_sources` and `pretrained` (weights from elsewhere, and freezing), `folded` (a faster copy for
evaluation), `command` (the list of all networks).
"""
