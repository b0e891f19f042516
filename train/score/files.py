"""The files of a score: score.json, predictions.csv and three pictures; and the folder of shards made to be scored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tenfold.data.shard import Shard
    from tenfold.train.score.scoring import Score

FILES = ("score.json", "predictions.csv", "confusion.png", "worst.png", "f1-size.png")
WORST = 8                    # classes that are drawn, and pictures of each


@contextmanager
def scored_folder(recipe: str) -> Iterator[Path]:
    """Yield the folder for shards that are only made to be scored, locked against another score until then.

    recipe: the name of the model's recipe. MachineFault: another score is using the folder.
    """
    from tenfold.data.files import lock_folder, make_folder
    folder = make_folder(f"shards/{recipe}-scored")
    with lock_folder(folder, ".scoring", "wait until it has scored its images"):
        yield folder


def write_score(out: Path, score: Score) -> None:
    """Write all of FILES into the folder `out`, all of them or none."""
    from tenfold.data.files import publish_together
    with publish_together(out, FILES) as place:
        _write_files(place, score)


def _write_files(out: Path, score: Score) -> None:
    import numpy as np

    from tenfold.data.files import publish
    from tenfold.train.csv_file import write_csv
    from tenfold.train.score.figures import draw_confusion, draw_f1_size, draw_worst
    from tenfold.train.score.metrics import worst_classes
    facts, labels, classes = score.facts, score.labels, score.classes
    with publish(out / "score.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    write_csv(out / "predictions.csv", [row | {"probability": f"{row['probability']:.6f}"}
                                        for row in score.predictions])
    draw_confusion(out / "confusion.png", np.array(facts["confusion"]), classes)
    best, predicted = score.probabilities.max(1), score.probabilities.argmax(1)
    worst = worst_classes(facts["per_class"], score.probabilities, labels, WORST, WORST)
    pixels = read_rows(score.shards.shards("test"), score.shards.row_shape,
                       sorted({row for _, rows in worst for row in rows}))
    draw_worst(out / "worst.png", [
        (name, facts["per_class"][name]["f1"],
         [(pixels[row], classes[labels[row]], classes[predicted[row]], float(best[row])) for row in rows])
        for name, rows in worst])
    draw_f1_size(out / "f1-size.png", facts["per_class"], facts["f1_size_r"])


def read_rows(files: list[Shard], row_shape: tuple[int, int, int], rows: list[int]) -> dict[int, NDArray[np.uint8]]:
    """Read some rows of a split: {row: uint8 (H, W, C)}."""
    import numpy as np

    from tenfold.train.batches.reading import Reader
    starts = np.cumsum([0, *(f.rows for f in files)])
    reader, found = Reader(files), {}
    try:
        for row in rows:
            shard = int(np.searchsorted(starts, row, "right")) - 1
            pixels = np.empty((1, *row_shape), np.uint8)
            reader.read(shard, row - int(starts[shard]), pixels)
            found[row] = pixels[0]
    finally:
        reader.close()
    return found
