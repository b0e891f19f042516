"""tenfold score MODEL: how right it is, and where it is wrong, on rows the model never trained on."""

import json
import subprocess
import sys
import time
from pathlib import Path

from tenfold.data.command import module_command, parser, run
from tenfold.data.errors import CheckpointFault, UserFault
from tenfold.data.sources.names import class_differences, one_spelling

WORST = 8                    # confusions that are printed, classes that are drawn, pictures of each
FILES = ("score.json", "predictions.csv", "confusion.png", "worst.png", "f1-size.png")


def arguments():
    made = parser("tenfold score", "Score a model on its test shards, or on a labelled folder.")
    made.add_argument("model", metavar="MODEL", help="best.pth")
    made.add_argument("--shards", help="folder of shards (default: shards/<name of the model's recipe>)")
    made.add_argument("--data", help="labelled folder or .npz; passes through the plain view first")
    made.add_argument("--out", help=f"folder for {', '.join(FILES)} (default: the model's)")
    made.add_argument("--tta", type=int, default=1, metavar="N",
                      help="average over N views of each image: mirrored, turned, shifted, as the recipe draws them")
    made.add_argument("--device", help="cpu, cuda or mps (default: the best there is)")
    return made


def main(argv=None) -> int:
    return run(score, arguments().parse_args(argv))


def score(args) -> dict:
    start = time.monotonic()
    if args.shards and args.data:
        raise UserFault("--shards and --data", "are both given", "choose one")
    if args.set and not args.data:
        raise UserFault("--set", "changes nothing here without --data", "leave it out")
    import torch

    from tenfold.data.files import make_folder
    from tenfold.data.shardset import open_set
    from tenfold.train.batches import open_batches
    from tenfold.train.device import Normalise, choose_device
    from tenfold.train.run.checkpoint import restore
    from tenfold.train.score.evaluate import evaluate
    from tenfold.train.score.metrics import f1_against_size, measure
    from tenfold.train.score.tta import MeanOfViews, choose_views
    if args.tta < 1:
        raise UserFault(f"--tta {args.tta}", "is no number of views", "give 1 or more")
    model, recipe, content = restore(args.model)
    views = choose_views(args.tta, recipe.draw, recipe.augment)
    folder = args.shards or f"shards/{recipe.name}"
    if args.data:
        folder = _plain_view(args, recipe)
    shards = open_set(folder)
    _check_fit(args.model, content, shards, labelled=args.data)
    familiar = _familiar(args, content, shards)
    out = make_folder(args.out or Path(args.model).parent)
    device = choose_device(args.device)
    if len(views) > 1:
        model = MeanOfViews(model, views)
    batches = open_batches(shards, "test", recipe.train, recipe.seed, device, shuffle=False)
    model.to(device, memory_format=torch.channels_last)
    normalise = Normalise(content["mean"], content["std"], device, recipe.model.size)
    logits, labels = evaluate(model, batches, normalise, device, recipe.train.precision)
    batches.close()
    if not logits.isfinite().all():
        raise CheckpointFault(args.model, "gives numbers that are not finite", "train it again, with a lower train.lr")
    probabilities, labels = logits.softmax(1).numpy(), labels.numpy()
    facts = measure(probabilities, labels, content["classes"])
    sizes = _class_sizes(content, shards)
    for name, size in sizes.items():
        facts["per_class"][name]["trained_on"] = size
    facts |= {"f1_size_r": f1_against_size(facts["per_class"], sizes), "tta": len(views),
              "seen_in_training": familiar, "seconds": round(time.monotonic() - start, 3)}
    _write(out, facts, probabilities, labels, shards)
    _tell(facts, out)
    return facts


def _plain_view(args, recipe) -> str:
    """Run the preprocessing command with the recipe that the checkpoint carries: the wall stands."""
    from tenfold.data.files import make_folder
    from tenfold.data.recipe import recipe_tables
    folder = make_folder(f"shards/{recipe.name}-scored")
    carried = folder / "recipe.json"
    carried.write_text(json.dumps(recipe_tables(recipe)))
    done = subprocess.run(**module_command("preprocess", "--recipe", carried, "--data", args.data, "--out", folder,
                                           "--plain", *(a for s in args.set for a in ("--set", s))),
                          stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)        # it has said why, in one line
    return str(folder)


def _check_fit(path, content, shards, labelled) -> None:
    """The rows are of the kind the model knows. CheckpointFault says what differs."""
    mine, theirs = ([one_spelling(name) for name in names] for names in (content["classes"], shards.classes))
    if mine != theirs:
        facts = class_differences(mine, theirs)
        raise CheckpointFault(path, f"its classes are not those of {labelled or shards.folder} ("
                              + ("; ".join(facts) or "their order differs") + ")",
                              "score data with the same class folders")
    shape = (*content["canvas"], content["channels"])
    if shape != shards.row_shape:
        raise CheckpointFault(path, f"takes rows {shape}, {shards.folder} holds {shards.row_shape}",
                              "score shards made by the model's own recipe")
    if not shards.rows("test"):
        raise CheckpointFault(shards.folder, "has no test rows", "give --data=folder, or a recipe with split.test")


def _familiar(args, content: dict, shards) -> int | None:
    """How many of the test images the model was trained on, with a warning if any; None: that is not known."""
    import torch

    from tenfold.train.run.checkpoint import image_numbers
    known, tested = content.get("trained_on"), image_numbers(shards, "test")
    if not isinstance(known, torch.Tensor) or not len(known) or not len(tested):
        if not args.data and content["dataset"] != shards.index["digest"]:
            print(f"note: {shards.folder} is not the set that {args.model} was trained on; "
                  "some of its test rows may have been trained on")
        return None
    count = int(torch.isin(tested, known).sum())
    if count:
        print(f"note: {args.model} was trained on {count} of these {len(tested)} images, so this says little of what "
              "it makes of others")
    return count


def _class_sizes(content: dict, shards) -> dict[str, int]:
    """How many source images of each class the model was trained on, where that is known."""
    counts = content.get("class_counts")
    if counts is None and content["dataset"] == shards.index["digest"]:        # an older checkpoint
        counts = shards.index.get("class_counts")
    train = counts.get("train") if isinstance(counts, dict) else None
    if not isinstance(train, list) or len(train) != len(content["classes"]) or not all(type(n) is int for n in train):
        return {}
    return dict(zip(content["classes"], train, strict=True))


def _write(out: Path, facts: dict, probabilities, labels, shards) -> None:
    """All of FILES."""
    import numpy as np

    from tenfold.data.files import publish
    from tenfold.train.csv_file import write_csv
    from tenfold.train.score.figures import draw_confusion, draw_f1_size, draw_worst
    from tenfold.train.score.metrics import worst_classes
    with publish(out / "score.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    files = shards.shards("test")
    sources = np.concatenate([s.sources for s in files])
    classes = facts["classes"]
    best, predicted = probabilities.max(1).tolist(), probabilities.argmax(1)
    write_csv(out / "predictions.csv", [
        {"path": shards.source_path(source), "true": classes[t], "predicted": classes[p], "probability": f"{q:.6f}"}
        for source, t, p, q in zip(sources, labels, predicted, best, strict=True)])
    draw_confusion(out / "confusion.png", np.array(facts["confusion"]), classes)
    worst = worst_classes(facts["per_class"], probabilities, labels, WORST, WORST)
    pixels = _pixels(files, shards.row_shape, sorted({row for _, rows in worst for row in rows}))
    draw_worst(out / "worst.png", [
        (name, facts["per_class"][name]["f1"],
         [(pixels[row], classes[labels[row]], classes[predicted[row]], best[row]) for row in rows])
        for name, rows in worst])
    draw_f1_size(out / "f1-size.png", facts["per_class"], facts["f1_size_r"])


def _pixels(files, row_shape, rows: list[int]) -> dict:
    """{row of the split: uint8 (H, W, C)}."""
    import numpy as np

    from tenfold.train.batches.reading import Reader
    starts = np.cumsum([0, *(f.rows for f in files)])
    reader, found = Reader(files), {}
    try:
        for row in rows:
            shard = int(np.searchsorted(starts, row, "right")) - 1
            held = np.empty((1, *row_shape), np.uint8)
            reader.read(shard, row - int(starts[shard]), held)
            found[row] = held[0]
    finally:
        reader.close()
    return found


def _tell(facts: dict, out: Path) -> None:
    from tenfold.data.command import readable
    from tenfold.train.score.metrics import worst_confusions
    wide = max(5, *(len(name) for name in facts["per_class"]))
    print(f"{'class':{wide}}  precision  recall      F1  images")
    for name, row in facts["per_class"].items():
        print(f"{readable(name):{wide}}  {row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}  "
              f"{row['support']:6d}")
    for count, true, predicted in worst_confusions(facts["confusion"], facts["classes"])[:WORST]:
        print(f"{count} of {readable(true)} taken for {readable(predicted)}")
    files = ", ".join(str(out / name) for name in FILES)
    more = [f"top-5 {facts['top5']:.4f}"] if "top5" in facts else []
    more += [f"balanced accuracy {facts['balanced_accuracy']:.4f}", f"weighted F1 {facts['weighted']['f1']:.4f}",
             f"calibration error {facts['calibration_error']:.4f}"]
    more += [f"F1 against class size r = {facts['f1_size_r']:.2f}"] if facts["f1_size_r"] is not None else []
    print(", ".join(more))
    views = f" ({facts['tta']} views of each)" if facts["tta"] > 1 else ""
    print(f"test top-1 {facts['top1']:.4f}, macro-F1 {facts['macro_f1']:.4f} on {facts['images']} images{views}; "
          f"{facts['seconds']:.1f} s; see {files}")
