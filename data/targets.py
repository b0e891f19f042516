"""What each make target runs, from which variables: the table of `python -m data.make` and of a message's words."""

import re

# target -> (module, its words): --option=VARIABLE, VARIABLE as it stands, or a word that is always there. A variable
# that is not given has its default (data/make.py) or is left out; with "!" it is left out.
_ROW = "--recipe=RECIPE --out=SHARDS --data=DATA --workers=WORKERS --preview=PREVIEW"
_SETS = "--set=SET --json=JSON"
TARGETS = {
    "data": ("data.fetch", "NAME --json=JSON"),
    "augment": ("preprocess", f"{_ROW} {_SETS}"),
    "report": ("preprocess", f"{_ROW} --report {_SETS}"),
    "train": ("train", "--recipe=RECIPE --shards=SHARDS --out=OUT --data=DATA --budget=BUDGET --device=DEVICE "
                       f"--resume=RESUME {_SETS}"),
    "score": ("train.score", f"MODEL --data=DATA --shards=SHARDS! --tta=TTA --device=DEVICE {_SETS}"),
    "bench": ("train.bench", f"--recipe=RECIPE --shards=SHARDS --budget=BUDGET --device=DEVICE {_SETS}"),
    "sweep": ("train.sweep", "--recipe=RECIPE --shards=SHARDS --out=OUT --grid=GRID --search=SEARCH --trials=TRIALS "
                             f"--pruner=PRUNER --budget=BUDGET --data=DATA --device=DEVICE {_SETS}"),
    "models": ("train.models", f"--recipe=RECIPE! --all=ALL {_SETS}"),
    "folds": ("tenfold.folds", "--recipe=RECIPE --data=DATA --folds=FOLDS --budget=BUDGET --tta=TTA "
                                  f"--resume=RESUME {_SETS}"),
    "compare": ("tenfold.compare", f"RECIPES --data=DATA --budget=BUDGET --tta=TTA --resume=RESUME {_SETS}"),
    "bundle": ("benchmarks.bundle", "BUNDLE RECIPES --set=SET"),
    "bench-augment": ("benchmarks.augmenting", f"--data=DATA {_SETS}"),
    "bench-load": ("benchmarks.loading", _SETS),
    "bench-peers": ("benchmarks.peers", _SETS),
    "bench-train": ("benchmarks.training", f"--parts loop startup --device=DEVICE {_SETS}"),
    "bench-finetune": ("benchmarks.finetune", f"--data=DATA --weights=WEIGHTS {_SETS}"),
    "bench-device-augment": ("benchmarks.device_augment", f"--device=DEVICE {_SETS}"),
    "bench-gpu": ("benchmarks.gpu", f"BUNDLE --budget=BUDGET --device=DEVICE {_SETS}"),
    "bench-cold": ("benchmarks.cold", _SETS),
    "plots": ("benchmarks.plots", ""),
}
PATHS = {"DATA", "RECIPE", "SHARDS", "OUT", "MODEL", "PREVIEW", "BUNDLE", "WEIGHTS"}     # a leading ~ is expanded
FLAGS = {"RESUME", "JSON", "ALL"}                        # given: yes
LISTS = {"SET", "GRID", "SEARCH"}                        # several, split at blanks
UNDER_MAKE = "TENFOLD_MAKE"                              # in the environment of a command: the target it runs under

_MODULES = sorted({module for module, _ in TARGETS.values()}, key=len, reverse=True)
_COMMAND = re.compile(r"python -m (" + "|".join(map(re.escape, _MODULES)) + r")(?![\w.])([^`;\n]*)")
_OPTION = re.compile(r"(?<![\w./-])(--[a-z]+(?:-[a-z]+)*)(?![\w-])(=| (?=[^\s:;,]*[\d/=…]))?")
_ABOUT = re.compile(r"^(--[a-z]+(?:-[a-z]+)*) (?=\S+: )")        # "--device x: …"
_ONE = r"[\w.]+=[^\s;,)]*[^\s;,):]"
_SET = re.compile(rf"(?<![\w./-])--set[ =]{_ONE}(?: (?:--set[ =])?{_ONE})*")


def words(target: str) -> list[tuple[str, str]]:
    """[(option, variable), …] of a target; one of the two is "" where the other stands alone."""
    return [("", word) if word.rstrip("!").isupper() else (option, variable) if "=" in word else (word, "")
            for word in TARGETS[target][1].split() for option, _, variable in [word.partition("=")]]


def as_typed(text: str, target: str) -> str:
    """A message that speaks of `python -m …` and its --options, in the words of one who typed `make target`.

    A value becomes VARIABLE=value where it stands as --option=value, or behind a blank as what a message is about
    ("--device x: …") or as one that no prose is taken for ("--grid train.lr=1,2").
    """
    text = re.sub(r"python -m [\w.]+ --help", "make help", text)
    return _options(_COMMAND.sub(lambda found: _command(found[1], found[2], target), text), target)


def _command(module: str, rest: str, target: str) -> str:
    under = target if TARGETS[target][0] == module else next(t for t, (m, _) in TARGETS.items() if m == module)
    first = next((variable for option, variable in words(under) if not option), "")
    if first:
        rest = re.sub(r"^ (?=[^\s-])", f" {first}=", rest)
    return f"make {under}{_options(rest, under)}"


def _options(text: str, target: str) -> str:
    known = {option: variable.rstrip("!") for option, variable in words(target) if option and variable}

    def typed(found) -> str:
        variable, joint = known.get(found[1]), found[2] or ""
        return found[0] if not variable else f"{variable}=1{joint}" if variable in FLAGS else f"{variable}="
    if "--set" in known:
        text = _SET.sub(lambda found: f'SET="{found[0][6:]}"'.replace(" --set=", " ").replace(" --set ", " "), text)
    return _OPTION.sub(typed, _ABOUT.sub(r"\1=", text))
