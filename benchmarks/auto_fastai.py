"""python -m benchmarks.auto_fastai: fine-tune a network by fastai in the time that is given.

As its documentation has it: `vision_learner` and `fine_tune` with timm's EfficientNet-Lite0, whose ImageNet weights are
on disk, Resize and aug_transforms. What a user would set is set: as many epochs as fit, at the largest side up to
224 pixels at which five do; no mirror and nothing cut off where it is ink. Its schedule ends with the time.
"""

import time

from benchmarks.auto_theirs import LITE0, Job, answer, seconds_each, write_weights

_SIDES = (224, 192, 160, 128, 96, 64)
_EPOCHS = 5                  # that shall fit
_LOADING = 1.3               # times the seconds of the network alone: decoding and augmenting, beside it


def train(job: Job) -> float:
    """Return top-1 of the test pictures after the last epoch."""
    from tenfold.data.vision import torchvision
    torchvision()                                # which fastai imports
    from fastai.vision.all import ImageDataLoaders, Resize, accuracy, aug_transforms, set_seed, vision_learner
    set_seed(job.seed)
    weights = job.scratch / "weights.pth"
    write_weights(weights)

    def learner(side: int) -> tuple:
        dls = ImageDataLoaders.from_folder(
            job.folder, train="train", valid="val", bs=min(64, max(8, job.count("train") // 8)), seed=job.seed,
            item_tfms=Resize(side, method="squish" if job.ink else "crop"),
            batch_tfms=aug_transforms(do_flip=not job.ink), device="cpu", num_workers=0)
        return dls, vision_learner(dls, LITE0, metrics=accuracy, pretrained_cfg_overlay={"file": str(weights)})
    _, some = learner(_SIDES[-1])
    side, epochs, after = _plan(job, some.model)
    dls, learn = learner(side)
    with learn.no_bar(), learn.no_logging():
        learn.fine_tune(epochs, cbs=_clock(job.until - after, epochs))
        test = list((job.folder / "test").glob("*/*.png"))
        return learn.validate(dl=dls.test_dl(test, with_labels=True))[1]


def _plan(job: Job, net: object) -> tuple[int, int, float]:
    """(side, epochs, seconds that test needs after them), from the seconds of a few steps at the smallest side."""
    both, one = (_LOADING * seconds_each(net, _SIDES[-1], training) / _SIDES[-1] ** 2 for training in (True, False))
    for side in _SIDES:
        after = side ** 2 * one * (job.count("val") + job.count("test")) + 1
        epoch = side ** 2 * (both * job.count("train") + one * job.count("val"))
        epochs = int((job.left - after) / epoch) - 1             # and one with all but the head frozen
        if epochs >= _EPOCHS:
            break
    return side, max(epochs, 1), after


def _clock(until: float, epochs: int) -> object:
    """A callback by which both fits of `fine_tune` end in time: the schedule goes by the clock where that is ahead."""
    from fastai.vision.all import Callback, CancelFitException

    class Clock(Callback):
        order = 50                               # before the schedule, which is at 60

        def __init__(self) -> None:
            self.fits = 0

        def before_fit(self) -> None:
            self.begun, self.fits = time.monotonic(), self.fits + 1
            left = until - self.begun
            self.seconds = max(left / (epochs + 1) if self.fits == 1 else left, 0.1)     # the frozen epoch comes first

        def before_batch(self) -> None:
            if self.training:
                gone = (time.monotonic() - self.begun) / self.seconds
                self.learn.pct_train = min(max(self.learn.pct_train, gone), 1)
                if gone >= 1:
                    raise CancelFitException
    return Clock()


if __name__ == "__main__":
    answer(train)
