"""What the other libraries are given beside the automatic mode, and how one that is not installed is told."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
from PIL import Image

from benchmarks import environments
from benchmarks.auto_peers import PEERS, run_peers, write_pictures
from tenfold.data.recipe import make_recipe
from tenfold.data.source_table import SourceTable
from tenfold.preprocess.clean.set_decisions import SetDecisions


def test_peers_get_every_picture_as_it_is_in_its_split_and_one_that_is_missing_is_told(
        tmp_path, tables, monkeypatch, capsys):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 14, 3), np.uint8)
    np.savez(tmp_path / "set.npz", x=pixels, y=np.arange(12) % 2)
    splits = ["train"] * 6 + ["val"] * 3 + ["test"] * 2 + [""]
    recipe = make_recipe(tables())
    table = SourceTable.of({"path": [f"x[{row}]" for row in range(12)], "split": splits})
    shards = SimpleNamespace(sources=table, recipe=recipe, index={"common": asdict(SetDecisions("keep"))})
    pictures = write_pictures(str(tmp_path / "set.npz"), shards, tmp_path / "folders")
    assert (pictures.side, pictures.ink) == (14, True)
    found = {(path.parts[-3], int(path.parts[-2]), np.asarray(Image.open(path)).tobytes())
             for path in pictures.folder.glob("*/*/*.png")}
    assert found == {(split, row % 2, pixels[row].tobytes()) for row, split in enumerate(splits) if split}

    monkeypatch.setattr(environments, "ROOT", tmp_path)
    assert list(run_peers(pictures, list(PEERS), 1, 0)) == []
    told = capsys.readouterr().out
    assert all(f"{name}: left out: not installed" in told for name in PEERS)
