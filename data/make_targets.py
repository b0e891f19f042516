"""List what each make target runs, and with which variables."""

import difflib
from dataclasses import fields

from tenfold.data.errors import UserFault

# target -> (module, the words of its command line): --option=VARIABLE, a VARIABLE by itself, or a fixed word. For a
# variable that is not given, the default (data/make_steps.py) is used if there is one; with "!" the word is left out.
_ROW = "--recipe=RECIPE --out=SHARDS --data=DATA --workers=WORKERS --preview=PREVIEW"
_SETS = "--set=SET --json=JSON"
_SEVERAL = ("--out=OUT! --budget=BUDGET --tta=TTA --workers=WORKERS --device=DEVICE --resume=RESUME --record=RECORD "
            f"{_SETS}")
TARGETS = {
    "auto": ("tenfold.automatic", "DATA! --budget=BUDGET --name=NAME --workers=WORKERS --device=DEVICE --seed=SEED "
                                  "--plan=PLAN --groups=GROUPS --json=JSON"),
    "data": ("data.fetch", "NAME --json=JSON"),
    "augment": ("preprocess", f"{_ROW} --verify=VERIFY {_SETS}"),
    "report": ("preprocess", f"{_ROW} --report {_SETS}"),
    "train": ("train", "--recipe=RECIPE --shards=SHARDS --out=OUT --data=DATA --budget=BUDGET --device=DEVICE "
                       f"--resume=RESUME --verify=VERIFY {_SETS}"),
    "score": ("train.score", "MODEL --data=DATA --shards=SHARDS! --out=OUT! --tta=TTA --device=DEVICE --verify=VERIFY "
                             f"{_SETS}"),
    "verify": ("data.verify", f"--shards=SHARDS --recipe=RECIPE! {_SETS}"),
    "predict": ("tenfold.predict", "MODEL IMAGES --out=OUT! --all=ALL --tta=TTA --workers=WORKERS --device=DEVICE "
                                    "--json=JSON"),
    "bench": ("train.bench", f"--recipe=RECIPE --shards=SHARDS --budget=BUDGET --device=DEVICE {_SETS}"),
    "sweep": ("train.sweep", "--recipe=RECIPE --shards=SHARDS --out=OUT! --grid=GRID --search=SEARCH --trials=TRIALS "
                             f"--pruner=PRUNER --budget=BUDGET --data=DATA --device=DEVICE {_SETS}"),
    "models": ("train.models", f"--recipe=RECIPE! --all=ALL {_SETS}"),
    "folds": ("tenfold.folds", f"--recipe=RECIPE --data=DATA --folds=FOLDS {_SEVERAL}"),
    "compare": ("tenfold.compare", f"RECIPES --data=DATA {_SEVERAL}"),
    "recipes": ("tenfold.recipe_files", "NAME --json=JSON"),
    "bundle": ("benchmarks.bundle", "BUNDLE RECIPES --set=SET"),
    "bench-augment": ("benchmarks.augmenting", f"--data=DATA --record=RECORD {_SETS}"),
    "bench-load": ("benchmarks.loading", f"--record=RECORD {_SETS}"),
    "bench-peers": ("benchmarks.peers", f"--record=RECORD {_SETS}"),
    "bench-train": ("benchmarks.training", f"--parts loop startup --device=DEVICE {_SETS}"),
    "bench-auto": ("benchmarks.auto", f"--data=DATA --budget=BUDGET --recipes=RECIPES! --record=RECORD {_SETS}"),
    "bench-budget": ("benchmarks.budget", f"--shards=SHARDS --recipe=RECIPE! --record=RECORD {_SETS}"),
    "bench-finetune": ("benchmarks.finetune", f"--data=DATA --weights=WEIGHTS {_SETS}"),
    "bench-device-augment": ("benchmarks.device_augment", f"--device=DEVICE {_SETS}"),
    "bench-gpu": ("benchmarks.gpu", f"BUNDLE --budget=BUDGET --device=DEVICE {_SETS}"),
    "bench-cold": ("benchmarks.cold", _SETS),
    "bench-threads": ("benchmarks.threads", _SETS),
    "torture": ("benchmarks.torture", "--only=ONLY --seed=SEED --json=JSON"),
    "plots": ("benchmarks.plots", ""),
}
PATHS = {"DATA", "RECIPE", "SHARDS", "OUT", "MODEL", "PREVIEW", "BUNDLE", "WEIGHTS", "IMAGES"}  # a ~ is expanded
FLAGS = {"RESUME", "JSON", "ALL", "RECORD", "VERIFY"}    # given: yes
LISTS = {"SET", "GRID", "SEARCH", "ONLY"}                # several, split at blanks

# verb of `tenfold VERB` -> target; the benchmarks, which are for developers, have no verb
TARGET_OF = {"fetch" if target == "data" else target: target for target, (module, _) in TARGETS.items()
             if not module.startswith("benchmarks.")}


def words(target: str) -> list[tuple[str, str]]:
    """Return [(option, variable), …] of a target; one of the two is "" if the other stands alone."""
    return [("", word) if word.rstrip("!").isupper() else (option, variable) if "=" in word else (word, "")
            for word in TARGETS[target][1].split() for option, _, variable in [word.partition("=")]]


VARIABLES = {name.rstrip("!") for target in TARGETS for _, name in words(target)} - {""}
# the targets that a target may run before its own command
FIRST = {"train": ("augment",), "bench": ("augment",), "sweep": ("augment",), "score": ("train", "augment"),
         "demo": ("augment", "train", "score")}
# what may be meant by a variable that a target does not take
_MEANT = {"RECIPE": ("RECIPES",), "OUT": ("SHARDS", "NAME"), "SEED": ("SET",)}
_OF_MAKE = {"PY", "PYTHON", "SHELL", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "CURDIR"}


def check_variables(typed: list[str], goals: list[str]) -> None:
    """Raise UserFault for a variable of make's command line that no target knows, or none of the targets it is for.

    goals: the targets that were typed. What they may run first (FIRST) is among them.
    """
    running = [target for goal in goals for target in (goal, *FIRST.get(goal, ()))]
    taken = {name.rstrip("!") for target in running if target in TARGETS for _, name in words(target)}
    if not {"augment", "report"} & set(goals):   # before another target, augment draws no contact sheet instead
        taken -= {"PREVIEW"}
    if goals == ["demo"]:                        # it is always of the sample
        taken -= {"DATA", "MODEL", "RECIPE"}
    for name in typed:
        if name in taken | _OF_MAKE or name.startswith((".", "-")):
            continue
        if name in VARIABLES:
            takers = [target for target in TARGETS if name in {word.rstrip("!") for _, word in words(target)}]
            meant = next((other for other in _MEANT.get(name, ()) if other in taken), "")
            more = ", …" if len(takers) > 6 else ""
            raise UserFault(f"{name}=", f"changes nothing in make {' '.join(goals)}",
                            'did you mean SET="seed=…"?' if meant == "SET" else f"did you mean {meant}=?" if meant else
                            f"leave it out; it is for make {', '.join(takers[:6])}{more}")
        known = {variable: f"{variable}=" for variable in sorted(VARIABLES)} | _settings()
        close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
        raise UserFault(f"{name}=", "no target knows this variable",
                        f"did you mean {known[close[0]]}?" if close else
                        f"a setting of the environment stands before make: {name}=… make …")


def _settings() -> dict[str, str]:
    """{"EPOCHS": 'SET="train.epochs=…"', …} for the keys of [model] and [train], which are no variables of make."""
    from tenfold.data.tables import Model, Train
    return {field.name.upper(): f'SET="{table}.{field.name}=…"'
            for table, cls in (("model", Model), ("train", Train)) for field in fields(cls)
            if field.name.upper() not in VARIABLES}
