"""Networks "timm/NAME" are built through timm's own functions, here by a module in its place; it is an extra."""

import sys
import types

import pytest
import torch
from torch import nn

from tenfold.data.errors import MachineFault, RecipeFault
from tenfold.data.networks import check_network
from tenfold.data.tables import Model
from tenfold.train.models.build import build_model
from tenfold.train.models.head import find_head
from tenfold.train.models.pretrained import load_weights
from tenfold.train.models.published import usual_normalisation


class Net(nn.Module):
    """A classifier that is not the last of its layers, as some of timm's are."""

    def __init__(self, channels, classes):
        super().__init__()
        self.stem, self.fc, self.behind = nn.Conv2d(channels, 4, 3), nn.Linear(4, classes), nn.Linear(1, 1)

    def get_classifier(self):
        return self.fc

    def forward(self, x):
        return self.fc(self.stem(x).mean((2, 3)))


@pytest.fixture
def timm(monkeypatch):
    """timm's functions that are called, with two networks; `asked` is what the last one was built with."""
    def create_model(name, pretrained, in_chans=3, num_classes=1000, **more):
        stub.asked = {"name": name, "pretrained": pretrained, **more}
        if pretrained and name == "odd":
            raise RuntimeError("No pretrained weights exist\nfor it")
        return Net(in_chans, num_classes)

    def settings(name):
        return types.SimpleNamespace(fixed_input_size=name == "odd", mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3))
    stub = types.SimpleNamespace(create_model=create_model, get_pretrained_cfg=settings,
                                 list_models=lambda: ["net", "odd"],
                                 is_model=lambda name: name.partition(".")[0] in ("net", "odd"))
    monkeypatch.setitem(sys.modules, "timm", stub)
    return stub


def build(name, channels=3, **arguments):
    return build_model(name, arguments, channels, 5, (20, 28), check=False)


def test_a_network_of_timms_gets_our_channels_classes_and_head(timm):
    model = build("timm/net.a1", 1, head_widths=[7], dropout=0.3)
    assert timm.asked == {"name": "net.a1", "pretrained": False}
    assert model(torch.zeros(2, 1, 20, 28)).shape == (2, 5)
    assert find_head(model).modules == ("fc",)
    assert [m.p for m in model.fc if isinstance(m, nn.Dropout)] == [0.3, 0.3]
    assert find_head(build("timm/odd")).modules == ("fc",)
    assert timm.asked["img_size"] == (20, 28)    # of one that takes no other size
    assert usual_normalisation("timm/net", 3) == ([0.5, 0.4, 0.3], [0.1, 0.2, 0.3])
    assert usual_normalisation("timm/net", 1) == ([pytest.approx(0.4)], [pytest.approx(0.2)])


def test_its_weights_go_under_another_head_and_grey_pictures(timm, capsys):
    model = build("timm/net", 1)
    load_weights(model, Model("timm/net", weights="imagenet"))
    assert timm.asked["pretrained"]
    assert capsys.readouterr().out == "weights from timm/net; new: fc\n"
    with pytest.raises(MachineFault, match=r"timm/odd.*\(No pretrained weights exist\); give a \.pth file$"):
        load_weights(model, Model("timm/odd", weights="imagenet"))
    with pytest.raises(RecipeFault, match="known here: imagenet"):
        load_weights(model, Model("timm/net", weights="IMAGENET1K"))


@pytest.mark.usefixtures("timm")
def test_only_networks_that_timm_itself_has_are_built():
    with pytest.raises(RecipeFault, match="is not a network of timm; did you mean 'net'"):
        build("timm/nets")
    with pytest.raises(RecipeFault, match="stem: is not an argument"):
        build("timm/net", stem="small")
    for name in ("timm/hf-hub:a/b", "timm/local-dir:/tmp", "timm/", "timm/../x", "timm/a.b.c"):      # timm would fetch
        with pytest.raises(RecipeFault, match="is not a network"):
            check_network(name, {})


def test_where_timm_is_missing_a_line_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    check_network("timm/net", {"dropout": 0.1})  # a recipe can be read, and its shards be built
    with pytest.raises(MachineFault, match=r"timm: is not installed.*pip install 'tenfold\[timm\]'"):
        build("timm/net")
