"""Open a folder of class folders as a Source, with a line that says how it was understood."""

from collections import Counter
from pathlib import Path

import numpy as np

from tenfold.data.sources.class_folders import CURE
from tenfold.data.sources.class_names import one_spelling
from tenfold.data.sources.formats import SUFFIXES
from tenfold.data.sources.layout import UNLABELLED, FolderLayout, understand
from tenfold.data.sources.listing import HIDDEN, LOOSE, MASK, Folder, kinds_in_words
from tenfold.data.sources.masks import images_below
from tenfold.data.sources.other_files import holds_programs, no_images
from tenfold.data.sources.source import Layout, Source
from tenfold.data.wording import counted, folder_name, readable, some

_FOLDERS = 5                 # unused folders that get a line each


def open_folder(root: Path, top: Folder, grouped: bool = False) -> Source:
    """Open a folder of class folders; top: its listing; grouped: as for `understand`.

    SourceFault: no picture lies in a class folder.
    """
    tree = understand(top, grouped)
    rows = _rows(tree)
    if not tree.class_folders or (not rows and holds_programs(top)):
        raise no_images(top, "holds no image" if top.folders else "has no sub-folders", CURE)
    if not rows:
        raise no_images(top, "has no image below its class folders",
                        "give " + ", ".join(sorted(s[1:] for s in SUFFIXES)) + " files")
    classes = tuple(sorted({branch.name for branch in tree.class_folders}))
    number = {name: i for i, name in enumerate(classes)}
    layout, hidden = _layout(top, tree, len(rows))
    return Source(root, classes, [path for path, _, _ in rows],
                  np.array([number[branch.name] for _, _, branch in rows], np.int64),
                  [branch.split for _, _, branch in rows], [stamp for _, stamp, _ in rows],
                  layout, _notes(root, tree, classes, layout, hidden),
                  homes=[branch.folder.below for _, _, branch in rows])


def _rows(tree: FolderLayout) -> list[tuple]:
    """Return (path relative to the root, stamp, class folder) of each picture, sorted by path."""
    rows = [(f"{folder.below}/{name}", stamp, branch) for branch in tree.class_folders
            for folder, images, _ in images_below(branch.folder) for name, stamp in images]
    return sorted(rows, key=lambda row: row[0])


def _layout(top: Folder, tree: FolderLayout, images: int) -> tuple[Layout, list[str]]:
    """Return the layout with counts of what is used and what is skipped, and the names of hidden files and folders."""
    passed: Counter = Counter()
    by_content: Counter = Counter()
    hidden: list[str] = []
    for folder in top.walk():
        passed += folder.passed
        passed[HIDDEN] += len(folder.hidden)
        hidden += folder.hidden
    passed[LOOSE] += sum(len(folder.pictures) for folder in tree.above)
    for branch in tree.class_folders:
        for folder, _, masks in images_below(branch.folder):
            by_content += folder.by_content
            passed[MASK] += masks
    unused = {folder.below: folder.count() for folder, _ in tree.unused()}
    kind = "official splits" if tree.splits else "class folders"
    return Layout(kind, tree.splits, images, dict((+passed).most_common()), unused,
                  dict(by_content.most_common())), hidden


def _notes(root: Path, tree: FolderLayout, classes, layout: Layout, hidden: list[str]) -> list[str]:
    """Return the notes: first how the folder was understood, then a line for everything else to know."""
    line = f"{len(classes)} classes ({some(map(readable, classes))}) "
    folders = _split_folders(layout.splits, tree.base)
    if folders and len(folders) <= 6:
        line += f"in {some(folders, last=' and ')} (official split{'s' if len(folders) > 1 else ''})"
    else:
        line += "with official splits inside each" if folders else "in a folder each"
    line += f"; {counted(layout.images, 'image')}"
    if layout.by_content:
        line += f", known by content: {kinds_in_words(layout.by_content, most=4)}"
    if layout.passed_over:
        line += f"; passed over: {kinds_in_words(layout.passed_over, hidden)}"
    return [f"{root}: {text}" for text in (line, *tree.notes, *_double_spellings(tree), *_unused(tree))]


def _unused(tree: FolderLayout) -> list[str]:
    """Return a line for each folder whose images are not used."""
    lines = []
    for folder, why in tree.unused():
        many = f"{folder_name(folder.below)}: {counted(folder.count(), 'image')}"
        unused = "is not used" if folder.count() == 1 else "are not used"
        lines.append(f"{many} {why} {unused}" if why == UNLABELLED else f"{many} {unused}: {why}")
    if len(lines) > _FOLDERS:
        more = [folder_name(folder.below) for folder, _ in tree.unused()][_FOLDERS:]
        lines[_FOLDERS:] = [f"nor are the images in {some(more, _FOLDERS)}"]
    return lines


def _double_spellings(tree: FolderLayout) -> list[str]:
    """Return the line on classes whose folder names exist in two forms of Unicode, in a list, or []."""
    spelt: dict[str, set[str]] = {}
    for branch in tree.class_folders:
        name = branch.folder.below.rpartition("/")[2]
        if one_spelling(name) == branch.name:
            spelt.setdefault(branch.name, set()).add(name)
    double = [readable(name) for name, ways in spelt.items() if len(ways) > 1]
    return [f"{some(double)}: written in two ways (NFC and NFD), read as one class"] if double else []


def _split_folders(splits: dict[str, list[str]], base: str) -> list[str]:
    """Name the folders of the splits, relative to `base`: ["train/", "dev/ (val)"]."""
    inside = {name: name.removeprefix(base + "/") for names in splits.values() for name in names}
    return [folder_name(inside[name]) + ("" if inside[name].lower() == split else f" ({split})")
            for split, names in splits.items() for name in names]
