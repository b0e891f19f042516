"""What a command says of the folder it was given, before any work, and where that stands afterwards."""

import json

from conftest import page, save

from tenfold.data.shardset import read_index


def splits(root):
    for number, below in enumerate(("Training/a", "Training/b", "dev/a", "dev/b", "extra/a")):
        for i in range(3):
            save(root / below / f"{i}.png", page(10 * number + i))
    (root / "notes.txt").write_text("words")
    return root


def test_the_lines_are_printed_by_every_command_and_kept_in_the_set(tmp_path, augment):
    root, out = splits(tmp_path / "images"), tmp_path / "shards"
    lines = [f"{root}: 2 classes (a, b) in Training/ (train) and dev/ (val) (official splits); 12 images; "
             "passed over: 1 .txt", f"{root}: extra/: 3 images are not used: it is no train, val or test split"]
    for more in (["--report"], ["--preview", tmp_path / "sheet.png"], ["--set", "split.test=0"]):
        ran = augment(root, *more, out=out)
        assert ran.code == 0, ran.err
        assert ran.out.splitlines()[:2] == lines
    layout = read_index(out)["layout"]
    assert layout["remarks"] == lines
    assert layout["parts"] == {"train": ["Training"], "val": ["dev"]}
    assert (layout["images"], layout["unused"], layout["passed_over"]) == (12, {"extra": 3}, {".txt": 1})
    ran = augment(root, "--set", "split.test=0", "--json", out=out)      # finished already
    assert len(ran.out.splitlines()) == 1
    assert json.loads(ran.out)["rows"]["train"] == 18
    assert lines[0] in ran.err.splitlines()
    (root / "more.txt").write_text("words")                              # no picture of the set has changed
    assert augment(root, "--set", "split.test=0", out=out).code == 0
    assert read_index(out)["layout"]["passed_over"] == {".txt": 2}


def test_classes_that_cannot_be_learnt_end_the_build_before_any_work(tmp_path, augment, refused):
    root = splits(tmp_path / "images")
    save(root / "dev" / "A" / "0.png", page(99))
    assert "'A' (only in val; train has 'a', another name)" in refused(root)
    assert not (tmp_path / "shards").exists()
    ran = augment(root, "--plain")                                       # it can be scored
    assert ran.code == 0, ran.err
