"""python -m benchmarks.auto_ultralytics: train a YOLO classifier of ultralytics in the time that is given.

As its documentation has it for image folders, with its defaults but for these: the pictures' own size, at most 224; no
mirror where it is ink; no plots. From scratch: its weights would have to be downloaded.
"""

import os

from benchmarks.auto_theirs import Job, answer, seconds_each


def train(job: Job) -> float:
    """Return top-1 of the test pictures by the epoch that was best on val."""
    os.environ |= {"YOLO_CONFIG_DIR": str(job.scratch), "YOLO_OFFLINE": "true", "YOLO_VERBOSE": "false"}
    from tenfold.data.vision import torchvision
    torchvision()                                # which ultralytics imports
    from ultralytics import YOLO
    model, side = YOLO("yolo26n-cls.yaml"), job.sides()[0]
    each = seconds_each(model.model, side, training=False)
    after = 1.5 * each * (job.count("val") + job.count("test")) + 2     # the best is held against val once more
    how = {"imgsz": side, "device": "cpu", "project": str(job.scratch), "plots": False, "verbose": False}
    model.train(data=str(job.folder), time=max(job.left - after, 1) / 3600, seed=job.seed,
                fliplr=0.0 if job.ink else 0.5, **how)
    return model.val(data=str(job.folder), split="test", **how).top1


if __name__ == "__main__":
    answer(train)
