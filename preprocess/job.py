"""Job: the recipe, images and output folder of a build, checked before any work is done."""

from dataclasses import dataclass, replace
from pathlib import Path

from tenfold.data.chunks import check_package
from tenfold.data.errors import SourceFault
from tenfold.data.files import make_folder
from tenfold.data.recipe import Recipe, digest_of, pixels_digest
from tenfold.data.sources.class_checks import check_learnable
from tenfold.data.sources.opening import Source
from tenfold.data.sources.thinning import choose_images, choose_rows
from tenfold.data.splits.groups import source_groups
from tenfold.preprocess.survey.clean_cache import decoding_settings


@dataclass(frozen=True)
class Job:
    """What a build makes, from which images, and where."""
    recipe: Recipe
    source: Source                       # the images that are used
    whole: Source                        # all images: source.per_class may leave some out
    out: Path                            # folder of the set
    plain: bool                          # every image becomes a test row, for scoring
    groups: list[str | None] | None      # the group of each used image; None: there are no groups
    notes: list[str]                     # for people: how many images are used, what the groups are
    stamp: str                           # digest of all that the set depends on

    @property
    def cache(self) -> Path:
        """Folder of the clean cache; removed once the set is finished."""
        return self.out / ".clean"

    def unpacked(self) -> "Job":
        """Make the cache; if the images are in a compressed arrays file, unpack them into the cache."""
        make_folder(self.cache)
        source = self.source
        return replace(self, source=replace(source, arrays=source.arrays.mapped(self.cache))) if source.arrays else self

    def __str__(self) -> str:
        kind = "plain rows" if self.plain else "a set"
        return f"{kind} in {self.out} of {len(self.source)} images at {self.source.root}, recipe {self.recipe.name}"


def check_job(recipe: Recipe, source: Source, out: Path, plain: bool = False) -> Job:
    """Check a build and make its folder. Raises RecipeFault, SourceFault or MachineFault if it cannot be done."""
    check_package(recipe.shards.compression)
    if not plain:
        check_learnable(source)
    if source.arrays and source.arrays.pixels_of_each > recipe.source.max_pixels:
        raise SourceFault(source.root, f"its images have {source.arrays.pixels_of_each:,} pixels each, more than "
                          f"source.max_pixels = {recipe.source.max_pixels:,}",
                          "raise source.max_pixels, or save smaller images")
    out = Path(out)
    if source.is_listed and out.resolve().is_relative_to(source.root.resolve()):
        raise SourceFault(out, "lies among the images, where the next build would take it for a class",
                          "choose a folder outside of them")
    used, groups, notes = (source, None, []) if plain else _used_images(recipe, source)
    stamp = digest_of([used.paths, used.labels, used.official, used.stamps,
                       used.classes, pixels_digest(recipe), recipe.source.max_bad, recipe.source.max_opposite,
                       decoding_settings(recipe), plain, [groups, notes], recipe.split.near_duplicates])
    return Job(recipe, used, source, make_folder(out), plain, groups, notes, stamp)


def _used_images(recipe: Recipe, whole: Source) -> tuple[Source, list[str | None] | None, list[str]]:
    """Return (the images that source.per_class leaves, the group of each, notes)."""
    groups, notes = source_groups(recipe.split.groups, whole)        # of all: a table may name any image
    rows = choose_rows(whole, recipe.source.per_class, recipe.seed)
    if len(rows) == len(whole):
        return whole, groups, notes
    line = f"source.per_class = {recipe.source.per_class}: {len(rows):,} of {len(whole):,} images are used"
    return choose_images(whole, rows), groups and [groups[row] for row in rows.tolist()], [line, *notes]
