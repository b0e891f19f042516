"""What the automatic mode refuses: names, sets and budgets that do not suffice; earlier results are set aside."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tenfold.automatic.clock import Clock
from tenfold.automatic.look import Look
from tenfold.data.errors import MachineFault, SourceFault, TrainingFault, UserFault
from tenfold.data.files import IN_USE, free_name, lock_folder, make_folder, read_file, set_aside_previous
from tenfold.data.recipe import digest_of
from tenfold.data.recipe_checks import is_name
from tenfold.data.settings import check_count
from tenfold.data.sources.class_checks import check_learnable
from tenfold.data.sources.opening import Source
from tenfold.data.splits.groups import check_groups, source_groups
from tenfold.data.wording import counted, readable

MADE = "made by `tenfold auto"                   # the first line of each recipe that is written contains this


def check_seed(seed: object) -> int:
    """Return the seed as an int. UserFault: it is no whole number from 0 to 2**63 - 1."""
    number = check_count("--seed", seed, least=0)
    if number >= 2**63:
        raise UserFault(f"--seed {number}", "is too large", "give a number below 2**63")
    return number


def checked_name(name: str, data: Path) -> str:
    """Return `name` if a recipe can have it. UserFault: it cannot, or a recipe cannot hold the path of the images."""
    if not is_name(name):
        raise UserFault("--name", f"is '{readable(name)}'", "give a plain name of at most 200 letters, without folders")
    try:
        f"{data}{name}".encode()
    except UnicodeEncodeError:
        raise UserFault(str(data), "has a name that is not valid UTF-8, so no recipe can hold it",
                        "rename it") from None
    path = Path("recipes") / f"{name}.toml"
    if path.exists() and MADE.encode() not in read_file(path).partition(b"\n")[0]:
        raise UserFault(path, "is a recipe that this command did not make", "give another --name")
    return name


def checked_groups(groups: object) -> str:
    """Return the groups that were asked for, "" for none. UserFault: they are not as split.groups may be."""
    if not isinstance(groups, str):
        raise UserFault("--groups", f"is {readable(repr(groups))}", "give a text such as 'folder'")
    check_groups(groups, "--groups")
    return groups


def groups_digest(groups: str, source: Source) -> str:
    """Return a digest of the group of each image, "" if no groups were asked for. UserFault: no image has one."""
    return digest_of([groups, source_groups(groups, source, "--groups")[0]]) if groups else ""


def check_source(source: Source) -> None:
    """Raise SourceFault if a class has no image to train on, if no class has enough images for all splits, or if the
    current folder is among the images."""
    if source.is_listed and (here := Path.cwd()).resolve().is_relative_to(source.root.resolve()):
        raise SourceFault(here, "lies in the images' folder, so results would be read as classes",
                          "run this from a folder outside it")
    check_learnable(source)
    official = {split for split in source.official if split}
    needed = 3 - len(official & {"val", "test"})
    largest = int(np.bincount(source.labels).max())
    if largest < needed:
        raise SourceFault(source.root, f"has at most {counted(largest, 'image')} of a class, and one each is needed to "
                          "train, to choose and to score", "add images")


def readable_part(look: Look, clock: Clock, cores: int) -> Look:
    """Return the Look of the images that there is time to read. UserFault: they are too few."""
    each, seconds = look.seconds / cores, clock.read_seconds()
    part = look.subset(seconds / each - look.official.get("test", 0))
    if (needed := part.images * each) > seconds:
        raise UserFault("--budget", f"{clock.budget:g} s is too short: {clock.spent():.0f} s are already used, and "
                        f"reading {part.images:,} images, the fewest to train on and any official test split, takes "
                        f"about {needed:.0f} s", f"give {clock.budget_for(needed):.0f} s or more")
    return part


@contextlib.contextmanager
def blame_whole_budget(budget: float) -> Iterator[None]:
    """If training's part of the budget is too short, name the whole budget, which the user gave, in the error."""
    try:
        yield
    except TrainingFault as fault:
        if fault.where != "budget":
            raise
        raise TrainingFault("budget", f"of {budget:g} s is too short here: training's part {fault.fact}",
                            "give more, or repeat this call when fewer other programs run") from None


@contextlib.contextmanager
def another_name_advised() -> Iterator[None]:
    """If another command writes to one of the call's folders, advise another --name: this command has no --out."""
    try:
        yield
    except MachineFault as fault:
        if fault.fact != IN_USE:
            raise
        raise MachineFault(fault.where, fault.fact, "wait for it, or give another --name") from None


def set_aside(run: Path, why: str = "") -> None:
    """Set aside the run of an earlier call of the same name, or another run in its folder; why: added to the line."""
    from tenfold.train.run.preparation import CHECKPOINTS, FILES, SCORE_FILES
    with lock_folder(make_folder(run)):
        if line := set_aside_previous(run, (*FILES, *SCORE_FILES), CHECKPOINTS):
            print(line + why)


def set_recipe_aside(recipe: Path, written: str) -> None:
    """Set aside a recipe of an earlier call, or one that was edited; written: the SHA-256 of what this call wrote."""
    if recipe.exists() and hashlib.sha256(read_file(recipe)).hexdigest() != written:
        kept = free_name(recipe.with_suffix(""), ".toml")
        recipe.replace(kept)
        print(f"{recipe} existed and was moved to {kept.name}")
