"""Job: the recipe, images and output folder of a build, checked before any work is done."""

from dataclasses import dataclass, replace
from pathlib import Path

from tenfold.data.chunks import check_package
from tenfold.data.errors import SourceFault
from tenfold.data.files import make_folder
from tenfold.data.recipe import Recipe, digest_of, pixels_digest
from tenfold.data.sources.class_checks import check_learnable
from tenfold.data.sources.opening import Source
from tenfold.data.splits.groups import source_groups
from tenfold.preprocess.survey.clean_cache import decoding_settings


@dataclass(frozen=True)
class Job:
    """What a build makes, of which images, and where."""
    recipe: Recipe
    source: Source
    out: Path                            # folder of the set
    plain: bool                          # every image becomes a test row, as for scoring
    groups: list[str | None] | None      # the group of each image of the listing; None: there are no groups
    group_notes: list[str]               # lines for people
    stamp: str                           # digest of all that the set depends on

    @property
    def cache(self) -> Path:
        """Folder of the clean cache; removed once the set is finished."""
        return self.out / ".clean"

    def unpacked(self) -> "Job":
        """Make the cache; where the images are a compressed arrays file, unpack them into it once."""
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
                          f"source.max_pixels = {recipe.source.max_pixels:,}", "allow more with --set "
                          "source.max_pixels=…, or save smaller images")
    out = Path(out)
    if out.resolve().is_relative_to(source.root.resolve()):
        raise SourceFault(out, "lies among the images, where the next build would take it for a class",
                          "choose another --out")
    groups, notes = (None, []) if plain else source_groups(recipe.split.groups, source)
    stamp = digest_of([source.paths, source.labels, source.official, source.stamps,
                       source.classes, pixels_digest(recipe), recipe.source.max_bad, recipe.source.max_opposite,
                       decoding_settings(recipe), plain, [groups, notes], recipe.split.near_duplicates])
    return Job(recipe, source, make_folder(out), plain, groups, notes, stamp)
