"""The benchmark of photographs times every kernel that a build of them needs, once for each copy or file."""

from benchmarks import augmenting_photos
from benchmarks.augmenting_photos import kernels, recipe_of, write_photographs
from tenfold.preprocess.clean.steps import clean
from tenfold.preprocess.decode import decode_any
from tenfold.preprocess.draw.pyramid import build_pyramid


def test_every_kernel_is_called_for_each_copy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_photographs(tmp_path / "photos", 4, 60, 80)
    files, recipe = sorted((tmp_path / "photos").glob("*/*.jpg")), recipe_of(3)
    called = []

    def counted(module, name):
        call = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, **more: called.append(name) or call(*args, **more))
    for name in ("warpAffine", "addWeighted", "meanStdDev"):
        counted(augmenting_photos.cv2, name)
    counted(augmenting_photos, "_decode")
    pictures = [build_pyramid(clean(decode_any(file.read_bytes(), file.name, recipe).pixels, recipe.clean,
                                    recipe.draw), recipe.draw) for file in files]
    spent = kernels(recipe, files, pictures)
    assert set(spent) == {"decode", "levels", "warp", "contrast", "moments", "hash", "write"}
    assert {name: called.count(name) for name in set(called)} == {
        "_decode": 4, "warpAffine": 12, "addWeighted": 12, "meanStdDev": 12}
    assert not list(tmp_path.glob("tmp*"))
