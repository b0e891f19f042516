"""The door to torchvision opens, whatever torch it is installed beside, and says in one line if it cannot."""

import sys

import pytest

from tenfold.data import vision
from tenfold.data.errors import MachineFault


def test_its_networks_can_be_built():
    net = vision.torchvision().models.get_model("squeezenet1_1", weights=None, num_classes=3)
    assert sum(p.numel() for p in net.parameters()) == 724_035      # its 1000-class head cut to 3


def test_it_is_the_package_itself_each_time():
    assert vision.torchvision() is sys.modules["torchvision"] is vision.torchvision()


@pytest.mark.parametrize("loads", [True, False])
def test_schemas_are_declared_only_where_the_operators_do_not_load(loads, monkeypatch):
    declared = []
    monkeypatch.setattr(vision, "_operators_load", lambda folder: loads)
    monkeypatch.setattr(vision, "_declare", lambda: declared.append(1))
    vision.torchvision.__wrapped__()
    assert bool(declared) != loads


def test_without_torchvision_one_line_says_what_to_do(monkeypatch):
    monkeypatch.setattr(vision.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MachineFault, match="not installed; pip install torchvision"):
        vision.torchvision.__wrapped__()
