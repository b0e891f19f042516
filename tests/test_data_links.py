"""Links to folders and files of images are followed, each real folder is read once, and no loop is entered."""

from layout_helpers import counts

from tenfold.data.sources.opening import open_source
from tenfold.predict.pictures import find_pictures


def test_links_are_followed_at_every_depth_and_each_folder_is_read_once(tree):
    """The same pictures, whichever of them are links: class folders, deeper folders, files, folders of splits."""
    plain = tree("cat/a/b*2", "cat*1", "dog/c*3", root="plain")
    held = tree("a/b*2", "c*3", root="held")
    linked = tree("cat*1", root="linked")
    (linked / "dog").mkdir()
    (linked / "cat" / "a").symlink_to(held / "a")
    (linked / "dog" / "c").symlink_to(held / "c")
    assert open_source(linked).paths == open_source(plain).paths
    assert find_pictures([str(linked)]) == [f"{linked}/{path}" for path in open_source(linked).paths]
    files = tree("cat/a/b*0", root="files")
    for path in open_source(plain).paths:
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).symlink_to(plain / path)
    assert open_source(files).paths == open_source(plain).paths
    splits = tree("test/cat*1", "test/dog*1", root="splits")
    (splits / "train").symlink_to(plain)
    assert counts(open_source(splits))["train", "cat"] == 3
    # of two ways to a folder the real one, then the first by name; never a loop, however many links there are
    for name in ("cat", "dog"):
        for other in ("cat", "dog", "."):
            (plain / name / f"to {ord(other[0])}").symlink_to(plain / other)
    (plain / "ape").symlink_to(held)
    (plain / "cat" / "held").symlink_to(held)
    source = open_source(plain)
    assert counts(source) == {(None, "ape"): 5, (None, "cat"): 3, (None, "dog"): 3}
    assert source.layout.passed_over == {"repeated folder": 7}


def test_linked_folders_are_followed_to_the_classes_and_never_in_a_loop(tree):
    root = tree("train/cat*2", "test/cat*2", "test/dog*1")
    other = tree("dog*3", root="other")
    (root / "train" / "dog").symlink_to(other / "dog")
    (root / "train" / "all").symlink_to(root)
    (other / "dog" / "back").symlink_to(root)
    source = open_source(root)
    assert counts(source) == {("train", "cat"): 2, ("train", "dog"): 3, ("test", "cat"): 2, ("test", "dog"): 1}
    assert source.layout.passed_over == {"repeated folder": 2}
    (root.parent / "link").symlink_to(root)
    assert counts(open_source(root.parent / "link")) == counts(source)
