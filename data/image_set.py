"""Identify the images that a set was made from, by their number and a digest that is the same on every machine."""

import zipfile
from pathlib import Path
from shlex import quote

from tenfold.data.errors import ShardFault
from tenfold.data.files import open_file
from tenfold.data.recipe import digest_of, make_recipe, renewed
from tenfold.data.sources.opening import Source, open_images


def image_set(source: Source) -> dict:
    """Return {"count", "digest"} of a source for dataset.json; a copy of the images in another place gives the same.

    The digest covers each image's relative path, class, official split and length in bytes; for an arrays file, the
    checksums of its members. No image is read.
    """
    if source.arrays:
        with open_file(source.root) as f, zipfile.ZipFile(f) as z:
            contents: list = sorted([i.filename, i.CRC] for i in z.infolist())
    else:
        contents = [size for size, _ in source.stamps]
    classes = [source.classes[label] for label in source.labels]
    return {"count": len(source), "digest": digest_of([source.paths, classes, source.official, contents])}


def check_images(folder: object, index: dict, data: str | Path, recipe: object = None) -> None:
    """Raise ShardFault if the set in `folder` was made from other images than those at `data`."""
    known = index.get("images")
    if not isinstance(known, dict) or "digest" not in known:
        print(f"note: {folder} does not say which images it was made of, so it is not compared with {data}")
        return
    now = image_set(open_images(make_recipe(renewed(index["recipe"]), str(folder)), data))
    if now["digest"] == known["digest"]:
        return
    words = "".join(f" --{name}={quote(str(value))}" for name, value in (("recipe", recipe), ("data", data)) if value)
    counts = f"{known.get('count')} images, not these {now['count']}" if known.get("count") != now["count"] \
        else f"{now['count']} too, but other names, classes or contents"
    raise ShardFault(folder, f"is made of other images than {data} ({counts})",
                     f"run `tenfold augment{words}` to make it of these, or leave --data out")
