"""Augmentation: each image its own, labels and pixels kept where they should be, nothing where nothing is asked."""

import dataclasses

import numpy as np
import pytest
import torch
from cases import each
from torch.nn import functional as F

from tenfold.data.errors import RecipeFault
from tenfold.data.tables import Augment as Settings
from tenfold.train.augment import ops as warp
from tenfold.train.augment.sample import Augment, make_augment

CPU = torch.device("cpu")
SHAPE = (19, 24)
B = 64
EVERYTHING = Settings(crop=3, flip=0.5, rotation=10, translate=0.1, scale=(0.8, 1.2), blur=0.5, brightness=0.2,
                      contrast=0.3, erase=0.5, cutmix=0.5, mixup=0.3)
ALONE = {"crop": {"crop": 3}, "reflect": {"crop": 3, "border": "reflect"}, "flip": {"flip": 0.5},
         "rotation": {"rotation": 20}, "translate": {"translate": 0.2}, "scale": {"scale": (0.7, 1.3)},
         "blur": {"blur": 0.8}, "brightness": {"brightness": 0.4}, "contrast": {"contrast": 0.4},
         "erase": {"erase": 0.8}, "cutmix": {"cutmix": 0.8}, "mixup": {"mixup": 0.8}}
EACH = each("how", [Settings(**keys) for keys in ALONE.values()], ids=list(ALONE))


def made(how, seed=5, shape=SHAPE) -> Augment:
    return make_augment(how, shape, CPU, seed)


def images(batch=B, channels=3, shape=SHAPE):
    rng = torch.Generator().manual_seed(1)
    image = torch.randn(batch, *shape, channels, generator=rng).permute(0, 3, 1, 2)
    return image, torch.arange(batch) % 7


def ran(augment, image, label, epoch=0, batch=0):
    return augment(image, label, augment.draw(epoch, batch, len(label)))


def chosen(augment, **columns):
    """A table of random numbers in which the named columns are set, for all images alike or one by one."""
    from tenfold.train.augment.sample import _COLUMNS
    table = augment.draw(0, 0, B)
    for name, value in columns.items():
        table[:, _COLUMNS.index(name)] = torch.as_tensor(value, dtype=torch.float32)
    return table


def test_nothing_asked_is_nothing_done():
    assert make_augment(Settings(), SHAPE, CPU, 0) is None
    assert all(make_augment(Settings(**keys), SHAPE, CPU, 0) is not None for keys in ALONE.values())


@EACH
def test_equal_images_of_a_batch_come_out_different(how):
    """By random numbers of their own: one image B times, in a batch where others are mixed in."""
    image, label = images()
    image[:B // 2] = image[:1]
    out, _ = ran(made(how), image, label)
    different = len({one.numpy().tobytes() for one in out[:B // 2]})
    assert different >= (2 if how.flip else B // 8)


@EACH
def test_the_batch_keeps_its_shape_kind_and_order_in_memory_and_its_source(how):
    for channels in (1, 3):
        image, label = images(channels=channels)
        before = image.clone()
        out, _ = ran(made(how), image, label)
        assert (out.shape, out.dtype) == (image.shape, image.dtype)
        assert out.is_contiguous(memory_format=torch.channels_last)
        assert out.isfinite().all()
        assert torch.equal(image, before)


@EACH
def test_the_random_numbers_are_seed_epoch_and_batch_and_nothing_else(how):
    image, label = images()
    one, again = made(how), made(how)
    torch.manual_seed(77)
    ran(again, image, label, 3, 1)               # what was drawn before makes no difference
    assert torch.equal(ran(one, image, label, 1, 2)[0], ran(again, image, label, 1, 2)[0])
    tables = [made(how, seed).draw(epoch, batch, B) for seed in (5, 6) for epoch in (0, 1) for batch in (0, 1)]
    assert len({table.numpy().tobytes() for table in tables}) == 8
    torch.manual_seed(77)
    ran(one, image, label)
    after = torch.rand(3)
    torch.manual_seed(77)
    assert torch.equal(after, torch.rand(3))     # dropout's own random numbers are not touched


def test_the_random_numbers_are_uniform_and_independent():
    table = torch.cat([made(EVERYTHING).draw(0, b, 256) for b in range(40)]).double()
    assert abs(table.mean(0) - 0.5).max() < 0.02
    assert abs(table.var(0) - 1 / 12).max() < 0.004
    assert abs(torch.corrcoef(table.T) - torch.eye(table.shape[1])).max() < 0.05


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_a_crop_is_a_window_of_the_padded_image(border):
    augment = made(Settings(crop=3, border=border))
    image, label = images()
    out, same = ran(augment, image, label)
    assert same is label
    mode = "reflect" if border == "reflect" else "constant"
    padded = np.pad(image.numpy(), ((0, 0), (0, 0), (3, 3), (3, 3)), mode=mode)
    height, width = SHAPE
    found = [[(y, x) for y in range(7) for x in range(7)
              if np.array_equal(padded[i, :, y:y + height, x:x + width], out[i].numpy())] for i in range(B)]
    assert all(len(places) == 1 for places in found)
    assert {y for (y, _), in found} == {x for (_, x), in found} == set(range(7))     # all are taken


def test_a_flip_keeps_every_pixel_and_comes_as_often_as_asked_for():
    image, label = images(2000, 1)
    out, same = ran(made(Settings(flip=0.3)), image, label)
    flipped = (out == image.flip(3)).all((1, 2, 3))
    assert same is label
    assert ((out == image).all((1, 2, 3)) ^ flipped).all()
    assert abs(flipped.double().mean() - 0.3) < 0.04


def test_crop_and_flip_resample_nothing(monkeypatch):
    monkeypatch.setattr(F, "grid_sample", None)
    ran(made(Settings(crop=3, flip=0.5)), *images())


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_one_resampling_does_what_crop_and_flip_do(border):
    """With whole pixels the same picture, by gathering and by the affine way."""
    image, label = images()
    plain = made(Settings(crop=3, flip=0.5, border=border))
    affine = made(Settings(crop=3, flip=0.5, border=border, rotation=1e-9))
    drawn = plain.draw(0, 0, B)
    a, b = plain(image, label, drawn)[0], affine(image, label, drawn)[0]
    if border == "reflect":                      # grid_sample mirrors about a pixel's edge, padding about its middle
        a, b = a[..., 4:-4, 4:-4], b[..., 4:-4, 4:-4]
    assert torch.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_a_quarter_turn_is_a_quarter_turn(border):
    image, _ = images(shape=(21, 21))
    nothing = torch.zeros(B)
    out = warp.affine(image, nothing + torch.pi / 2, nothing + 1, nothing, nothing, nothing > 1, border)
    assert torch.allclose(out, image.rot90(1, (2, 3)), atol=1e-4)


def test_turning_keeps_right_angles_on_a_canvas_that_is_not_square():
    """A round spot stays as round; turned there and back it is where it was."""
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(64.0), indexing="ij")
    spot = torch.exp(-((y - 19.5) ** 2 + (x - 41.5) ** 2) / 18)[None, None]

    def moments(image):
        mass = image.sum()
        my, mx = (image[0, 0] * y).sum() / mass, (image[0, 0] * x).sum() / mass
        vy, vx = (image[0, 0] * (y - my) ** 2).sum() / mass, (image[0, 0] * (x - mx) ** 2).sum() / mass
        return tuple(map(float, (my, mx, vy, vx)))
    zero = torch.zeros(1)
    turned = warp.affine(spot, zero + torch.pi / 2, zero + 1, zero, zero, zero > 1, "zero")
    my, mx, vy, vx = moments(turned)
    assert (my, mx) == (pytest.approx(9.5, abs=0.2), pytest.approx(31.5, abs=0.2))   # 10 right -> 10 up
    assert vy == pytest.approx(vx, rel=0.05)
    larger = moments(warp.affine(spot, zero, zero + 1.5, zero + 4, zero - 20, zero > 1, "zero"))
    assert larger[:2] == (pytest.approx(23.5, abs=0.2), pytest.approx(26.5, abs=0.2))
    assert larger[3] == pytest.approx(1.5 ** 2 * moments(spot)[3], rel=0.05)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_blur_is_one_gaussian_of_25_weights(channels):
    """As torchvision's GaussianBlur(5) has it: sampled, its sum 1, edges mirrored."""
    image, _ = images(5, channels)
    sigma = torch.tensor([0.1, 0.5, 1.0, 2.0, 0.0])
    out = warp.blur(image, sigma)
    padded = F.pad(image, (2,) * 4, mode="reflect")
    for i in range(4):
        line = torch.exp(-torch.arange(-2, 3) ** 2 / (2 * sigma[i] ** 2))
        kernel = (torch.outer(line, line) / line.sum() ** 2).expand(channels, 1, 5, 5)
        assert torch.allclose(out[i], F.conv2d(padded[i], kernel, groups=channels), atol=1e-5)
    assert torch.equal(out[4], image[4])


def test_contrast_and_brightness_are_what_they_say():
    augment = made(Settings(contrast=0.4, brightness=0.5))
    image, label = images()
    out = augment(image, label, chosen(augment, contrast=1.0, brightness=0.0))[0]
    mean = image.mean((1, 2, 3), keepdim=True)
    assert torch.allclose(out, mean + 1.4 * (image - mean) - 0.5, atol=1e-5)


def test_erased_boxes_have_the_size_asked_for_and_lie_inside():
    image, label = images(500, 1, (64, 48))
    out, _ = ran(made(Settings(erase=0.6, erase_area=(0.1, 0.2)), shape=(64, 48)), image, label)
    gone = out[:, 0] == 0
    area = gone.double().mean((1, 2))
    assert abs((area > 0).double().mean() - 0.6) < 0.07
    assert ((area[area > 0] > 0.08) & (area[area > 0] < 0.22)).all()
    rows, columns = gone.any(2).sum(1), gone.any(1).sum(1)
    assert torch.equal(rows * columns, gone.sum((1, 2)))             # boxes, all of them whole
    assert torch.equal(out[~gone[:, None]], image[~gone[:, None]])
    often = gone.double().mean(0)                # anywhere: no side is preferred
    assert abs(often - often.flip(0)).max() < 0.1
    assert abs(often - often.flip(1)).max() < 0.1
    assert often[:, [0, -1]].sum() > 0


def test_a_mirror_larger_than_the_image_is_refused():
    made(Settings(crop=19))
    with pytest.raises(RecipeFault, match="18 at most"):
        made(Settings(crop=19, border="reflect"))
    ran(made(Settings(crop=18, border="reflect")), *images())
    with pytest.raises(RecipeFault, match="blur"):
        make_augment(Settings(blur=1.0), (2, 20), torch.device("cpu"), 0)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Guards may run slower")    # torch, of Python 3.13.0
def test_it_compiles_without_a_break():
    """As a graph; the code behind it is the compiler's."""
    augment, (image, label) = made(EVERYTHING), images()
    whole = torch.compile(augment.__call__, backend="eager", fullgraph=True, dynamic=False)
    drawn = augment.draw(0, 0, B)
    for a, b in zip(torch.utils._pytree.tree_leaves(whole(image, label, drawn)),
                    torch.utils._pytree.tree_leaves(augment(image, label, drawn)), strict=True):
        assert torch.equal(a, b)


def test_every_setting_is_one_that_augments():
    """A key that is added and forgotten in `make_augment` would do nothing."""
    names = {f.name for f in dataclasses.fields(Settings)}
    sizes = {"border", "blur_sigma", "erase_area", "cutmix_alpha", "mixup_alpha"}
    assert names - sizes == {key for keys in ALONE.values() for key in keys} - sizes
