"""The table of networks is what the trainer can build, and a recipe is held against it when it is read."""

import inspect
import types

import pytest
from cases import each

from tenfold.data import networks
from tenfold.data.errors import RecipeFault
from tenfold.data.networks import NETWORKS, PUBLISHED, check_network, torchvision_networks
from tenfold.data.recipe import read_recipe
from tenfold.train.models import published
from tenfold.train.models.build import MODELS


def signature(make) -> dict:
    """{argument: kind} of a network's function; a tuple's items are whole numbers."""
    found = {}
    for name, one in inspect.signature(make).parameters.items():
        if one.kind is one.KEYWORD_ONLY:
            found[name] = tuple[int, ...] if isinstance(one.default, tuple) else type(one.default)
    return found


def test_the_table_is_what_the_trainer_has():
    assert {name: signature(make) for name, make in MODELS.items()} == NETWORKS
    kinds = {name: str if isinstance(kind, tuple) else kind for name, kind in PUBLISHED.items()}
    assert signature(published.published) == kinds
    assert torchvision_networks() == published.names()


@each(("name", "arguments", "words"), [
    ("resnett", {}, "did you mean 'resnet'"), ("resnet1", {}, "did you mean 'resnet"),
    ("resnet", {"width": 1}, "did you mean 'widths'"), ("light", {"x": 2}, "known here: dropout, widths"),
    ("resnet18", {"widths": [8]}, "not an argument"), ("wrn", {"depth": 2.5}, "whole number"),
    ("resnet", {"se": 1}, "true or false"), ("light", {"widths": 8}, "a list"), ("light", {"widths": [[8]]}, "a whole"),
    ("resnet18", {"stem": "smal"}, "'small'"), ("cnn6", {"dropout": "0.1"}, "a number"),
])
def test_what_no_network_takes_is_refused_with_what_is_near(name, arguments, words):
    with pytest.raises(RecipeFault, match=words):
        check_network(name, arguments)


def test_what_is_right_passes():
    check_network("resnet", {"widths": [8, 16], "se": True, "dropout": 0, "head_widths": []})
    check_network("efficientnet_v2_s", {"stem": "small", "dropout": 0.5})


def test_without_torchvision_a_name_may_be_one_of_its_networks(monkeypatch):
    monkeypatch.setattr(networks, "torchvision_networks", lambda: ())
    check_network("resnet18", {"stem": "small"})
    with pytest.raises(RecipeFault, match="not an argument"):
        check_network("resnet18", {"stam": "small"})


def test_a_package_without_sources_names_none(monkeypatch):
    nowhere = types.SimpleNamespace(origin="/nowhere/x.py")
    monkeypatch.setattr(networks.importlib.util, "find_spec", lambda name: nowhere)
    assert torchvision_networks.__wrapped__() == ()


def test_the_recipe_is_refused_before_any_image_is_looked_for(recipe_file, refused):
    line = refused("nowhere", recipe=recipe_file(model={"name": "ligth"}))
    assert "tiny.toml [model] name 'ligth': is not a network; did you mean 'light'?" in line
    assert "did you mean 'widths'" in refused("nowhere", "--set", "model.width=[8]")
    assert read_recipe(recipe_file(model={"name": "light", "widths": [8, 16]})).model.args == {"widths": [8, 16]}
