"""Whatever the user gives: bad pictures are set aside by name; the rest is one line and exit code 2."""

import errno
import fcntl
import functools
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import pytest
from conftest import leftovers, page, save
from PIL import Image
from test_preprocess_decode_bad import png_that_claims


def whole(kind) -> bytes:
    import io
    held = io.BytesIO()
    Image.fromarray(page(5)).save(held, kind)
    return held.getvalue()


BAD = {
    "truncated.png": lambda: whole("PNG")[:900], "truncated.jpg": lambda: whole("JPEG")[:500],
    "truncated.webp": lambda: whole("WEBP")[:200], "truncated.tiff": lambda: whole("TIFF")[:-500],
    "truncated.bmp": lambda: whole("BMP")[:1000], "truncated.gif": lambda: whole("GIF")[:1000],
    "zero.png": lambda: b"", "text.png": lambda: b"this is no picture", "page.jpg": lambda: b"<html></html>",
    "bomb.png": lambda: png_that_claims(60_000, 60_000), "large.png": lambda: png_that_claims(1001, 1000),
}


def put(images, name, data):
    (images / "a" / name).write_bytes(data)


def test_bad_pictures_are_set_aside_named_and_counted(folder, augment, tmp_path):
    kinds = {name: functools.partial(put, name=name, data=data()) for name, data in BAD.items()}
    kinds["gone.png"] = lambda images: (images / "a" / "gone.png").symlink_to("nowhere")
    for name, low, high in (("white.png", 255, 256), ("black.gif", 0, 1), ("grain.png", 236, 242)):
        grain = np.random.default_rng(0).integers(low, high, (37, 53, 1), np.uint8)
        kinds[name] = lambda images, name=name, grain=grain: save(images / "a" / name, grain)
    for number, names in enumerate((list(kinds)[:8], list(kinds)[8:])):         # the screen names ten at most
        images, out = folder(f"images{number}", a=10, b=10), tmp_path / f"shards{number}"
        for name in names:
            kinds[name](images)
        ran = augment(images, "--json", "--set", "source.max_pixels=1000000", "--set", "source.max_bad=0.5", out=out)
        assert ran.code == 0
        assert json.loads(ran.out)["skipped"] == len(names)
        assert [name for name in names if f"set aside: a/{name} (" not in ran.err] == []
        assert f"{len(names)} images set aside" in ran.err
        assert "Traceback" not in ran.err
        assert "Warning" not in ran.err
        bad = json.loads((out / "dataset.json").read_text())["set_aside"]
        assert {one["path"] for one in bad} == {f"a/{name}" for name in names}
        assert {one["reason"].split(":")[0] for one in bad} <= {"damaged", "empty file", "not a picture", "blank",
                                                                "enormous", "unreadable"}


def test_past_the_stated_share_the_build_stops_and_can_be_allowed(folder, augment, refused, tmp_path):
    images = folder(a=10, b=10)
    for name in BAD:
        put(images, name, BAD[name]())
    line = refused(images, "--set", "source.max_pixels=1000000")
    assert "11 of 31 images cannot be used" in line
    assert "source.max_bad" in line
    assert not (tmp_path / "shards" / "dataset.json").exists()
    ran = augment(images, "--set", "source.max_pixels=1000000", "--set", "source.max_bad=0.5")
    assert ran.code == 0
    assert "11 images set aside" in ran.out
    assert "11 of 31" in refused(images, "--set", "source.max_pixels=1000000")     # also where shards are finished


def test_what_was_unreadable_is_asked_anew(folder, augment, monkeypatch):
    images, opened = folder(a=10, b=10), os.open

    def refuse(path, *how, **more):
        if str(path).endswith("a/003.png"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return opened(path, *how, **more)
    with monkeypatch.context() as patched:
        patched.setattr("tenfold.data.files.os.open", refuse)
        assert "set aside: a/003.png (unreadable: permission denied)" in augment(images).out
    assert "set aside" not in augment(images).out
    assert json.loads(augment(images, "--json").out)["skipped"] == 0


def test_what_is_enormous_is_asked_anew(folder, augment, refused):
    images = folder(a=10, b=10)
    assert augment(images).code == 0
    assert "enormous" in refused(images, "--set", "source.max_pixels=100")


def test_images_that_make_no_set_are_refused(folder, refused, tmp_path):
    assert "does not exist" in refused(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    assert "no sub-folders" in refused(tmp_path / "empty")
    (tmp_path / "file").touch()
    assert "neither" in refused(tmp_path / "file")
    images = folder(a=5, b=5)
    (images / "c").mkdir()
    assert "class 'c' has no usable image" in refused(images)
    (images / "c" / "x.png").write_bytes(b"x")
    assert "(c/x.png: not a picture: text)" in refused(images)
    line = refused(folder("few", a=5, b=5), "--set", "split.val=3", "--set", "split.test=2")
    assert "2 classes have too few" in line
    assert "'a' (5 usable images), 'b' (5 usable images)" in line
    assert "one class only" in refused(folder("one", a=5))
    assert leftovers(tmp_path) == []
    assert not list(tmp_path.rglob("*.h5"))
    assert not list(tmp_path.rglob("dataset.json"))


@pytest.mark.parametrize("more", [["--set", "draw.copys=2"], ["--set", "nonsense"], ["--set", "draw.canvas=[1,1]"],
                                  ["--set", "draw.copies=inf"], ["--set", "model={}"], ["--set", "source=3"]], ids=str)
def test_a_recipe_at_fault_is_refused_before_anything_is_made(folder, refused, tmp_path, more):
    refused(folder(a=5, b=5), *more)
    assert not (tmp_path / "shards").exists()


def test_no_images_named_at_all(recipe_file, capsys):
    from tenfold.preprocess.command import main
    assert main(["--recipe", str(recipe_file())]) == 2
    assert "names no images" in capsys.readouterr().err


@pytest.mark.parametrize("workers", ["-3", "two", "1.5", ""])
def test_workers_are_counted(folder, augment, capsys, workers):
    with pytest.raises(SystemExit) as stop:
        augment(folder(a=5, b=5), workers=workers)
    assert stop.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_place_that_is_none_is_refused(folder, refused, tmp_path):
    images = folder(a=5, b=5)
    (tmp_path / "file").touch()
    refused(images, out=tmp_path / "file")
    refused(images, out=tmp_path / "file" / "below")
    refused(images, out=tmp_path / ("x" * 300))
    for out in (images, images / "shards", images / "a", tmp_path / "a" / ".." / "images"):
        assert "lies among the images" in refused(images, out=out)
    (tmp_path / "odd" / "dataset.json").mkdir(parents=True)
    refused(images, out=tmp_path / "odd")
    (tmp_path / "odder" / ".clean").mkdir(parents=True)
    (tmp_path / "odder" / ".clean" / "clean-00000.u8").mkdir()
    refused(images, out=tmp_path / "odder")


def test_two_builds_at_once_in_one_folder(folder, augment, refused, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.data.files.ENDING", 0.0)
    images = folder(a=5, b=5)
    (tmp_path / "shards").mkdir()
    with open(tmp_path / "shards" / ".lock", "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        assert "another command is writing here" in refused(images)
    assert augment(images).code == 0


def limited(argv, before: str):
    """The command in a process of its own, after the statement `before`."""
    code = "import sys, os, resource\nfrom tenfold.preprocess import pipeline\n" \
           f"from tenfold.preprocess.command import main\n{before}\nsys.exit(main({[str(a) for a in argv]!r}))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize("bytes_", [30_000, *(pytest.param(size, marks=pytest.mark.slow) for size in (500, 100_000))])
def test_a_full_disk_is_one_line_and_leaves_no_halves(folder, recipe_file, augment, tmp_path, bytes_):
    images, out = folder(a=10, b=10), tmp_path / "shards"
    argv = ["--recipe", recipe_file(draw={"copies": 20}), "--data", images, "--out", out, "--workers", 1]
    ran = limited(argv, f"resource.setrlimit(resource.RLIMIT_FSIZE, ({bytes_}, {bytes_}))")
    assert ran.returncode == 2, ran
    assert len(ran.stderr.strip().splitlines()) == 1, ran.stderr
    assert "the file is larger than this system allows" in ran.stderr
    assert leftovers(out) == []
    assert not (out / "dataset.json").exists()
    assert augment(images).code == 0                     # and goes on where there is room


def test_a_place_without_permission_is_one_line(folder, recipe_file):
    images = folder(a=3, b=3)
    with tempfile.TemporaryDirectory() as place:
        recipe = os.path.join(place, "r.toml")
        with open(recipe, "wb") as f:
            f.write(recipe_file().read_bytes())
        subprocess.run(["cp", "-r", str(images), place], check=True)
        os.chmod(place, 0o555)
        ran = limited(["--recipe", recipe, "--data", f"{place}/images", "--out", f"{place}/out"],
                      "if os.geteuid() == 0:\n    os.setgid(65534)\n    os.setuid(65534)")
        assert ran.returncode == 2, ran
        assert len(ran.stderr.strip().splitlines()) == 1, ran.stderr
        assert "permission denied" in ran.stderr
        assert sorted(os.listdir(place)) == ["images", "r.toml"]
