"""From a folder of pictures to a scored model, by the three commands that a user gives."""


import pytest
import torch
import train_helpers as t

pytestmark = pytest.mark.usefixtures("kept_handler")


RECIPE = """
name = "stripes"
[split]
val = 4
test = 6
[draw]
canvas = [20, 28]
copies = 6
rotation = 8
scale = [0.8, 1.0]
contrast = [0.7, 1.2]
[model]
name = "resnet"
widths = [8, 16]
stem_stride = 1
[train]
budget = "60s"
epochs = 4
batch = 32
lr = 0.01
"""


def test_the_whole_pipeline(tmp_path, monkeypatch, capsys):
    from tenfold.preprocess.command import main as augment
    from tenfold.train.run.command import main as train
    from tenfold.train.score.command import main as score
    monkeypatch.chdir(tmp_path)
    torch.set_num_threads(1)                     # steps this small only wait for a second one
    t.folder(tmp_path / "images", 22)
    (tmp_path / "stripes.toml").write_text(RECIPE)

    def call(command, *arguments):
        capsys.readouterr()
        assert command([*arguments, "--json"]) == 0, capsys.readouterr().err
        return t.last_json(capsys.readouterr().out)

    made = call(augment, "--recipe", "stripes.toml", "--data", "images", "--workers", "1")
    assert made["rows"] == {"train": 6 * 39, "val": 12, "test": 18}
    trained = call(train, "--recipe", "stripes.toml")
    assert trained["val_top1"] > 0.95
    scored = call(score, "best.pth")
    assert scored["top1"] > 0.95
    assert scored["images"] == 18
    for name in ("shards/stripes/dataset.json", "runs/stripes/best.pth", "runs/stripes/last.pth",
                 "runs/stripes/metrics.csv", "runs/stripes/curves.png", "best.pth", "score.json", "predictions.csv",
                 "confusion.png"):
        assert (tmp_path / name).stat().st_size > 0, name
    assert call(augment, "--recipe", "stripes.toml", "--data", "images")["digest"] == made["digest"]
