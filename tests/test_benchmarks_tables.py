"""Laws of the rows that benchmarks keep, and of the tables that are printed from them."""

from pathlib import Path

import numpy as np

from benchmarks import augmenting_peer, augmenting_theirs, plots, rows, tables
from benchmarks.scratch import scratch_folder


def test_a_row_is_kept_only_where_that_is_asked_for_and_stands_in_its_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rows, "TABLE", tmp_path / "results.tsv")
    monkeypatch.setattr(plots, "TABLE", rows.TABLE)
    monkeypatch.setattr(rows, "_kept", True)
    rows.keep_rows(False)
    assert rows.append("loading 9×9×1, shuffled images/s", "ours", [3.0, 4.0, 5.0])["median"] == "4"
    assert not rows.TABLE.exists()
    rows.keep_rows(True)
    for shape, rate in (("9×9×1", 8.7e6), ("5×5×3", 148_000.0)):
        rows.append(f"loading {shape}, shuffled images/s", "ours, memory", [rate], 0.36)
    rows.append("augmenting, copies/s beside others, pages", "Pillow 1", [331.0], 5.5)
    assert tables.main([]) == 0
    printed = capsys.readouterr().out
    assert "| ours, memory | 8.7 M, 36% | 148 k, 36% |" in printed
    assert "| Pillow 1 | 331 (5.5×) |" in printed


def test_a_library_that_is_not_here_is_left_out_with_a_reason(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(augmenting_peer, "OWN", {"albumentations": str(tmp_path / "none")})
    with augmenting_peer.telling("albumentations"):
        augmenting_peer.Theirs("albumentations")
    assert "albumentations: left out: not installed: there is no" in capsys.readouterr().out


def test_a_library_draws_as_many_copies_as_it_is_asked_for(tmp_path):
    np.save(tmp_path / "pages.npy", np.arange(2 * 9 * 7 * 3, dtype=np.uint8).reshape(2, 9, 7, 3))
    job = {"pages": str(tmp_path / "pages.npy"), "canvas": (9, 7), "channels": 3, "copies": 70, "rotation": 8,
           "shear": 10, "scale": (0.8, 1.0), "contrast": (0.7, 1.3), "flip": 0.5}
    drawn = []

    def make(asked):
        ready, draw = augmenting_theirs.LIBRARIES["Pillow"][1](asked)
        return ready, lambda page: (drawn.append(draw(page)), drawn[-1])[1]
    assert augmenting_theirs.timed(job, make) > 0
    assert [copy.shape for copy in drawn] == [(9, 7, 3)] * 70


def test_what_a_benchmark_writes_lies_where_git_ignores_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with scratch_folder() as folder:
        assert Path(folder).resolve().parent == tmp_path / "shards"
    assert "/shards/" in (Path(__file__).parent.parent / ".gitignore").read_text().splitlines()
    assert not list((tmp_path / "shards").iterdir())
