"""python -m train.score MODEL: top-1, macro-F1 and a table per class on rows the model never trained on."""

import json
import subprocess
import sys
import time
from pathlib import Path

from data.command import parser, run
from data.errors import CheckpointFault, UserFault

WORST = 8                    # confusions that are printed


def arguments():
    made = parser("python -m train.score", "Score a model on its test shards, or on a labelled folder.")
    made.add_argument("model", metavar="MODEL", help="best.pth")
    made.add_argument("--shards", help="folder of shards (default: shards/<name of the model's recipe>)")
    made.add_argument("--data", help="labelled folder or .npz; passes through the plain view first")
    made.add_argument("--out", help="folder for score.json, predictions.csv, confusion.png (default: the model's)")
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

    from data.files import make_folder
    from data.shard import open_set
    from train.batches import open_batches
    from train.checkpoint import restore
    from train.device import Normalise, choose_device
    from train.evaluate import evaluate
    model, recipe, content = restore(args.model)
    folder = args.shards or f"shards/{recipe.name}"
    if args.data:
        folder = _plain_view(args, recipe)
    shards = open_set(folder)
    _check_fit(args.model, content, shards, labelled=args.data)
    out = make_folder(args.out or Path(args.model).parent)
    device = choose_device(args.device)
    batches = open_batches(shards, "test", recipe.train, recipe.seed, device, shuffle=False)
    model.to(device, memory_format=torch.channels_last)
    normalise = Normalise(content["mean"], content["std"], device, recipe.model.size)
    logits, labels = evaluate(model, batches, normalise, device, recipe.train.precision)
    batches.close()
    if not logits.isfinite().all():
        raise CheckpointFault(args.model, "gives numbers that are not finite", "train it again, with a lower train.lr")
    probabilities = logits.softmax(1)
    facts = measure(probabilities.numpy(), labels.numpy(), content["classes"])
    facts["seconds"] = round(time.monotonic() - start, 3)
    _write(out, facts, probabilities, labels, shards)
    _tell(facts, out)
    return facts


def _plain_view(args, recipe) -> str:
    """Run the preprocessing command with the recipe that the checkpoint carries: the wall stands."""
    from data.files import make_folder
    from data.recipe import recipe_tables
    folder = make_folder(f"shards/{recipe.name}-scored")
    carried = folder / "recipe.json"
    carried.write_text(json.dumps(recipe_tables(recipe)))
    done = subprocess.run([sys.executable, "-m", "preprocess", "--recipe", carried, "--data", args.data,
                           "--out", folder, "--plain", *(a for s in args.set for a in ("--set", s))],
                          stdout=sys.stderr, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)        # it has said why, in one line
    return str(folder)


def _check_fit(path, content, shards, labelled) -> None:
    """The rows are of the kind the model knows. CheckpointFault says what differs."""
    mine, theirs = content["classes"], list(shards.classes)
    if mine != theirs:
        extra = [c for c in theirs if c not in mine]
        lacking = [c for c in mine if c not in theirs]
        facts = [f"{words} {', '.join(map(repr, names[:5]))}{' …' if len(names) > 5 else ''}" for words, names in
                 (("the model does not know", extra), ("the data lacks", lacking)) if names]
        raise CheckpointFault(path, f"its classes are not those of {labelled or shards.folder} ("
                              + ("; ".join(facts) or "their order differs") + ")",
                              "score data with the same class folders")
    shape = (*content["canvas"], content["channels"])
    if shape != shards.row_shape:
        raise CheckpointFault(path, f"takes rows {shape}, {shards.folder} holds {shards.row_shape}",
                              "score shards made by the model's own recipe")
    if not shards.rows("test"):
        raise CheckpointFault(shards.folder, "has no test rows", "give DATA=folder, or a recipe with split.test")
    if not labelled and content["dataset"] != shards.index["digest"]:
        print(f"note: {shards.folder} is not the set that {path} was trained on; "
              "some of its test rows may have been trained on")


def measure(probabilities, labels, classes) -> dict:
    """probabilities (n, k), labels (n,) -> the facts of score.json; shares 0..1, from scikit-learn."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
    every = range(len(classes))
    predicted = probabilities.argmax(1)
    columns = precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    present = columns[3] > 0                     # a class without images has no F1 to average
    return {
        "top1": float((predicted == labels).mean()), "macro_f1": float(columns[2][present].mean()),
        "images": len(labels),
        "per_class": {name: {"precision": float(p), "recall": float(r), "f1": float(f), "support": int(s)}
                      for name, p, r, f, s in zip(classes, *columns, strict=True)},
        "confusion": confusion_matrix(labels, predicted, labels=every).tolist(), "classes": list(classes)}


def worst_confusions(confusion, classes) -> list[tuple[int, str, str]]:
    """(images, true class, predicted class), most first."""
    wrong = [(n, classes[i], classes[j]) for i, row in enumerate(confusion) for j, n in enumerate(row) if n and i != j]
    return sorted(wrong, key=lambda w: (-w[0], w[1:]))


def _write(out: Path, facts: dict, probabilities, labels, shards) -> None:
    """score.json, predictions.csv and confusion.png."""
    import numpy as np

    from data.files import publish
    from train.report import draw_confusion, write_csv
    with publish(out / "score.json") as temporary:
        temporary.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    sources = np.concatenate([s.sources for s in shards.shards("test")])
    classes = facts["classes"]
    best, predicted = probabilities.max(1)
    write_csv(out / "predictions.csv", [
        {"path": shards.source_path(source), "true": classes[t], "predicted": classes[p], "probability": f"{q:.6f}"}
        for source, t, p, q in zip(sources, labels, predicted, best.tolist(), strict=True)])
    draw_confusion(out / "confusion.png", np.array(facts["confusion"]), classes)


def _tell(facts: dict, out: Path) -> None:
    from train.report import readable
    wide = max(5, *(len(name) for name in facts["per_class"]))
    print(f"{'class':{wide}}  precision  recall      F1  images")
    for name, row in facts["per_class"].items():
        print(f"{readable(name):{wide}}  {row['precision']:9.4f}  {row['recall']:6.4f}  {row['f1']:6.4f}  "
              f"{row['support']:6d}")
    for count, true, predicted in worst_confusions(facts["confusion"], facts["classes"])[:WORST]:
        print(f"{count} of {readable(true)} taken for {readable(predicted)}")
    files = ", ".join(str(out / name) for name in ("score.json", "predictions.csv", "confusion.png"))
    print(f"test top-1 {facts['top1']:.4f}, macro-F1 {facts['macro_f1']:.4f} on {facts['images']} images; "
          f"{facts['seconds']:.1f} s; see {files}")


if __name__ == "__main__":
    sys.exit(main())
