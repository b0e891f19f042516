"""Decide which commands a make target runs, in which order and with which arguments, from make's variables."""

import contextlib
import filecmp
import os
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from tenfold.data.errors import ShardFault, UserFault
from tenfold.data.make_targets import FLAGS, LISTS, PATHS, TARGETS, VARIABLES, words
from tenfold.data.recipe_lookup import find_recipe
from tenfold.data.schema import INDEX

SAMPLE = "datasets/sample.npz"


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return {variable: value} of those that are given, with a leading ~ of paths expanded, and RECIPE as its file."""
    given = {name: environment[name] for name in VARIABLES if environment.get(name)}
    given |= {name: os.path.expanduser(given[name]) for name in PATHS & set(given)}
    if "RECIPE" in given:
        given["RECIPE"] = _file_of(given["RECIPE"])
    return given


def steps(target: str, given: dict[str, str], before: set[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (target, module, arguments) of each command: those that make what is missing, then the target's own.

    before: the targets that the same call of make has run before.
    """
    if target == "demo":
        sample = {k: v for k, v in given.items() if k not in ("DATA", "MODEL")} | {"RECIPE": "recipes/sample.toml"}
        for number, one in enumerate(parts := ("augment", "train", "score")):
            yield from steps(one, sample, set(parts[:number]))
        return
    if target == "sweep" and before & {"auto", "train"}:
        given = _without("OUT", given)           # it is the run's folder
    if target == "score":
        if before & {"auto", "augment", "train"}:        # DATA was meant for these; the score is of the test rows
            given = _without("DATA", given)
        if with_defaults(given)["MODEL"] == "best.pth" and not Path("best.pth").exists() and "train" not in before:
            yield from steps("train", _without("DATA", given), before)
            before = before | {"train"}
        if before & {"auto", "train"}:           # OUT is the run's folder
            given = _without("OUT", given)
        given = _model_of_recipe(given, before) | _without("SHARDS" if "DATA" in given else "SET", given)
    values = with_defaults(given)
    if target in ("augment", "report") and _wants_sample(values):
        yield "data", "data.fetch", ["sample"]
    if target in ("train", "bench", "sweep") and not before & {"augment", "train"} \
            and not (Path(values["SHARDS"]) / INDEX).exists():
        _check_begun(Path(values["SHARDS"]), given)
        yield from steps("augment", _without("PREVIEW", given), before)
    yield target, TARGETS[target][0], arguments(target, given)


def _without(name: str, given: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in given.items() if k != name}


def with_defaults(given: dict[str, str]) -> dict[str, str]:
    """Return the given variables, with defaults for those that are not given."""
    recipe = given.get("RECIPE", "recipes/sample.toml")
    name = Path(recipe).stem
    return {"RECIPE": recipe, "SHARDS": f"shards/{name}", "OUT": f"runs/{name}", "MODEL": "best.pth",
            "BUNDLE": "shards.tar", "RECIPES": shlex.quote(recipe)} | given


def arguments(target: str, given: dict[str, str]) -> list[str]:
    """Return the command-line arguments of a module. UserFault: RECIPES cannot be split, or a list holds an option."""
    values, found = given if _carries_recipe(target, given) else with_defaults(given), []
    for option, name in words(target):
        value = given.get(name[:-1]) if name.endswith("!") else values.get(name)
        if not name:
            found.append(option)
        elif not value:
            continue
        elif name in FLAGS:
            found.append(option)
        elif name in LISTS:
            if any(one.startswith("-") for one in value.split()):
                raise UserFault(f"{name}={value}", "holds a word that begins with -",
                                f'give {name}="table.key=value …"')
            found += [word for one in value.split() for word in (option, one)] if name == "SET" else \
                [option, *value.split()]
        elif name.rstrip("!") == "RECIPES":
            found += [option] if option else []
            found += [_plain(one) for one in _recipes(value)]
        elif not option:
            found.append(_plain(value))
        else:
            found += [f"{option}={value}"] if value.startswith("-") else [option, value]
    return found


def _model_of_recipe(given: dict[str, str], before: set[str]) -> dict[str, str]:
    """Return {"MODEL": runs/<recipe>/best.pth} if only RECIPE says what to score, and ./best.pth is of another run.

    Otherwise return {}.
    """
    own, here = Path("runs") / Path(given.get("RECIPE", "")).stem / "best.pth", Path("best.pth")
    if before & {"auto", "train"} or "MODEL" in given or "RECIPE" not in given or not (own.exists() and here.exists()):
        return {}
    return {} if filecmp.cmp(own, here, shallow=False) else {"MODEL": str(own)}


def _carries_recipe(target: str, given: dict[str, str]) -> bool:
    """Return whether the recipe, and so the name of the run, is that of finished shards that are given without one."""
    return target in ("train", "bench", "sweep") and "RECIPE" not in given and "SHARDS" in given \
        and (Path(given["SHARDS"]) / INDEX).exists()


def _plain(word: str) -> str:
    """Write a value so that no command reads it as an option."""
    return f"./{word}" if word.startswith("-") else word


def _recipes(value: str) -> list[str]:
    """"a 'my b'=~/shards/b" -> ["recipes/a.toml", "recipes/my b.toml=/home/me/shards/b"]."""
    try:
        each = [one.partition("=") for one in shlex.split(value)]
    except ValueError as error:
        raise UserFault(f"RECIPES={value}", f"cannot be split ({error})",
                        "put a path with blanks or quotes in quotes, as in a shell") from None
    return [_file_of(os.path.expanduser(recipe)) + equals + os.path.expanduser(shards)
            for recipe, equals, shards in each]


def _file_of(recipe: str) -> str:
    """Return the file of a recipe that is given by its bare name; else what was given."""
    path = find_recipe(recipe)
    return recipe if path == Path(recipe) else str(path)


def _wants_sample(values: dict[str, str]) -> bool:
    """Return whether the recipe asks for the sample's images, and these have not been fetched yet."""
    if values.get("DATA") or Path(SAMPLE).exists():
        return False
    from tenfold.data.recipe import read_recipe
    with contextlib.suppress(UserFault):         # the command will say what is wrong with the recipe
        return read_recipe(values["RECIPE"], values.get("SET", "").split()).source.data == SAMPLE
    return False


def _check_begun(shards: Path, given: dict[str, str]) -> None:
    """Raise ShardFault if a build in that folder was begun and has not ended: the user must finish it."""
    begun = (shards / ".clean").exists() and not (shards / "report.json").exists()      # not just a report
    if begun or any(shards.glob("*.h5")):
        typed = [shlex.quote(f"{name}={given[name]}") for _, name in words("augment") if name in given]
        raise ShardFault(shards, f"unfinished (no {INDEX})", "run " + " ".join(["make augment", *typed]))
