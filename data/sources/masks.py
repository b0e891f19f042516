"""Leave out masks and boxes drawn as pictures that lie beside the images of a class."""

import os
import re
from collections import Counter
from collections.abc import Iterator

from tenfold.data.sources.class_folders import holds_annotations, is_generic
from tenfold.data.sources.listing import Folder

# the end of a name of a mask, behind the name of its image: cat_mask.png, "benign (1)_mask_2.png", x-seg.png
_ADDED = re.compile(r"[_\- .](masks?|seg|segmentation|gt|ground_?truth|annot|annotation|trimap)([_\- .]?\d+)?(\.\w+)?$",
                    re.IGNORECASE)

Picture = tuple[str, tuple[int, int]]            # as Folder.pictures lists them


def images_below(folder: Folder) -> Iterator[tuple[Folder, list[Picture], int]]:
    """Yield (folder, its images, number of masks that are left out) for a class folder and each folder below it.

    A folder "masks" is left out beside pictures or folders such as "images". So is a picture that is named like another
    one in its folder with "_mask" or the like added.
    """
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        images = _images(here.pictures)
        inner = here.picture_folders
        masks = {name for name in inner if holds_annotations(name, may_be_class=False)}
        others = inner.keys() - masks
        if not (others or here.pictures) or not all(map(is_generic, others)):
            masks = set()                        # "mask" beside nothing, or beside "gloves"
        yield here, images, len(here.pictures) - len(images) + sum(inner[name].count() for name in masks)
        waiting += [one for name, one in here.folders.items() if name not in masks]


def _images(pictures: list[Picture]) -> list[Picture]:
    added = {name: found.start() for name, _ in pictures if (found := _ADDED.search(name))}
    if not added:
        return pictures
    stems = _stems(pictures)
    return [(name, stamp) for name, stamp in pictures if name[:added.get(name, 0)] not in stems]


def folder_of_masks(here: Folder) -> str:
    """Return the name of the folder in `here` that holds masks of the images in those beside it; "": there is none.

    It is called "masks" or the like, and each of its pictures is named like exactly one of theirs, in two folders or
    more: if each folder begins at 1.png again, the names do not tell what a mask belongs to, and it may be a class.
    """
    folders = here.picture_folders
    for name in filter(holds_annotations, folders):
        masks = _stems(folders[name].pictures)
        named = Counter(stem for other in folders if other != name for stem in _stems(folders[other].pictures))
        if masks and len(folders) > 2 and all(named[stem] == 1 for stem in masks):
            return name
    return ""


def _stems(pictures: list[Picture]) -> set[str]:
    return {os.path.splitext(name)[0] for name, _ in pictures}
