"""A folder of archives, arrays or videos instead of images is refused, and the line says how to convert them."""

import re

import pytest
from cases import each

from tenfold.data.errors import SourceFault
from tenfold.data.sources.opening import open_source


@each(("names", "words"), [
    (("train.zip", "test.zip", "train.csv"), "has no sub-folders, but 2 .zip files; unpack them"),
    (("train.zip",), "has no sub-folders, but 1 .zip file; unpack it"),
    (("a.npz", "a.txt", "b.txt"), "has no sub-folders, but 1 .npz file; give that file itself"),
    (("in/train.npz", "in/test.npz"), "below its class folders, but 2 .npz files; give one .npz file itself"),
    (("x.npy", "y.npy"), "has no sub-folders, but 2 .npy files; save the images and labels with numpy.savez"),
    (("train/0.parquet", "x.csv", "y.csv"), "but 1 .parquet file; save the images and labels with numpy.savez"),
    (("train/a.tfrecord", "test/b.tfrecord"), "but 2 .tfrecord files; save the images and labels with numpy.savez"),
    (("cat/1.dcm", "dog/2.dcm", "dog/3.npy"), "below its class folders, but 2 .dcm files; save each as PNG"),
    (("cat/1.mp4", "dog/2.mp4"), "but 2 .mp4 files; save frames as images"),
    (("train.py", "paper.pdf", "net/best.h5"), "holds no image; put the images of each class into"),
    (("train.py", "a/1.npy", "b/2.npy"), "holds no image, but 2 .npy files; save the images"),
    (("train.py", "data/set.zip", "reports/1.txt"), "holds no image, but 1 .zip file; unpack it"),
    (("cat/1.json", "dog/2.txt"), "has no image below its class folders; give avif"),
    (("a.csv", "b.csv"), "has no sub-folders; put the images of each class into a separate folder (.csv files"),
    (("train*1", "test*1", "metadata.jsonl"), "(metadata.jsonl is not a .jsonl file of labels")])
def test_data_of_another_kind_are_named_with_their_own_cure(tree, names, words):
    with pytest.raises(SourceFault, match=re.escape(words)):
        open_source(tree(*names))


def test_a_kind_is_known_by_content_too(tree):
    root = tree("cat/", "dog/")
    for label in ("cat", "dog"):
        (root / label / "IM0001").write_bytes(bytes(128) + b"DICM" + bytes(20))
    with pytest.raises(SourceFault, match="but 2 DICOM files; save each as PNG"):
        open_source(root)
