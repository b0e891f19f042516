"""python -m benchmarks.device_augment: what augmentation on the device adds to a training step.

Each step of it alone and all together, drawn and done, beside a step of light2 on the same batch: forward,
backward, optimizer. Repeats take turns; the median of each counts.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.rows import append, name_of
from tenfold.data.command import make_parser, run
from tenfold.data.tables import Augment, Train

SHAPES = ((128, 32, 32, 3), (512, 90, 90, 1))
CHOICES: dict[str, dict[str, Any]] = {"crop, flip": {"crop": 4, "flip": 0.5}, "rotation, translation, scale": {
               "crop": 4, "flip": 0.5, "rotation": 10, "translate": 0.1, "scale": (0.9, 1.1)},
           "blur": {"blur": 1.0}, "brightness, contrast": {"brightness": 0.2, "contrast": 0.2},
           "erase": {"erase": 0.5}, "cutmix": {"cutmix": 0.5}, "mixup": {"mixup": 0.5},
           "crop, flip, cutmix": {"crop": 4, "flip": 0.5, "cutmix": 0.5}}
CLASSES = 52


def measure(args: argparse.Namespace) -> dict:
    """Time each key of [augment] beside a training step, record and print the rows."""
    import torch

    from tenfold.train.augment.sample import make_augment
    from tenfold.train.device import choose_device, keep_freed_memory, synchronise
    from tenfold.train.learn.loss import make_loss
    from tenfold.train.learn.optimizer import make_optimizer
    from tenfold.train.models.build import build_model
    from tenfold.train.normalise import Normalise
    device, rows = choose_device(args.device), []
    keep_freed_memory()
    for batch, height, width, channels in SHAPES:
        image = torch.randint(0, 256, (batch, height, width, channels), dtype=torch.uint8, device=device)
        label = torch.randint(0, CLASSES, (batch,), device=device)
        model = build_model("light2", {}, channels, CLASSES, (height, width))
        model.to(device, memory_format=torch.channels_last)
        normalise = Normalise([0.5] * channels, [0.25] * channels, device)
        loss, optimizer = make_loss(model, normalise, Train()), make_optimizer(model, Train())
        plain = normalise(image)

        def step(loss: Any = loss, optimizer: Any = optimizer, image: Any = image, label: Any = label) -> None:
            loss(image, label)[0].backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

        def augmentation(keys: dict[str, Any], shape: tuple[int, int] = (height, width), plain: Any = plain,
                         label: Any = label) -> Callable[[], Any]:
            augment: Any = make_augment(Augment(**keys), shape, device, 0)
            count = iter(range(10**6))
            return lambda: augment(plain, label, augment.draw(0, next(count), len(label)))

        timed: dict[str, Callable[[], Any]] = {
            "light2 step": step, **{name: augmentation(keys) for name, keys in CHOICES.items()}}
        seconds: dict[str, list[float]] = {name: [] for name in timed}
        for repeat in range(args.repeats + 1):           # the first warms up
            for name, call in timed.items():
                start = time.perf_counter()
                call()
                synchronise(device)
                if repeat:
                    seconds[name].append(time.perf_counter() - start)
        whole = statistics.median(seconds.pop("light2 step"))
        print(f"{height}×{width}×{channels}, batch {batch}: light2 step {whole * 1e3:.1f} ms")
        for name, times in seconds.items():
            cost = statistics.median(times)
            print(f"  {name:30} {cost * 1e3:7.2f} ms  {cost / whole:6.1%} of it")
            rows.append({"batch": [batch, height, width, channels], "what": name, "seconds": cost,
                         "share": cost / whole})
            append("augmenting on the device, s a step beside light2's", f"{name}, {height}×{width}×{channels}, "
                   f"batch {batch}", times, cost / whole, name_of(device))
    return {"rows": rows}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return its exit code."""
    parser = make_parser("python -m benchmarks.device_augment",
                         "Time augmentation on the device beside a training step.")
    parser.add_device()
    parser.add_argument("--repeats", type=int, default=9)
    return run(measure, parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
