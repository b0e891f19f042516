"""The measures: counted by hand."""

import numpy as np
import pytest
from cases import each

from tenfold.train.score.metrics import calibration_error, f1_against_size, measure, worst_classes, worst_confusions


def test_the_measures_agree_with_a_hand_count():
    labels = np.array([0, 0, 0, 0, 1, 1, 2])
    predicted = np.array([0, 0, 1, 2, 1, 1, 0])
    facts = measure(np.eye(4)[predicted], labels, ["a", "b", "c", "d"])
    assert facts["top1"] == pytest.approx(4 / 7)
    assert facts["confusion"] == [[2, 1, 1, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert facts["images"] == 7
    a, b, c = (facts["per_class"][k] for k in "abc")
    assert a == pytest.approx({"precision": 2 / 3, "recall": 1 / 2, "f1": 4 / 7, "support": 4})
    assert b == pytest.approx({"precision": 2 / 3, "recall": 1, "f1": 4 / 5, "support": 2})
    assert c == pytest.approx({"precision": 0, "recall": 0, "f1": 0, "support": 1})
    assert facts["per_class"]["d"]["support"] == 0
    assert facts["macro_f1"] == pytest.approx((4 / 7 + 4 / 5 + 0) / 3)     # d has no image to be right about
    assert facts["balanced_accuracy"] == facts["macro"]["recall"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert facts["macro"]["f1"] == facts["macro_f1"]
    assert facts["weighted"] == pytest.approx({"precision": 4 / 7, "recall": 4 / 7, "f1": (4 * 4 / 7 + 2 * 4 / 5) / 7})
    assert facts["calibration_error"] == pytest.approx(3 / 7)              # always sure, right four times of seven
    assert "top5" not in facts


def test_the_worst_confusions_come_first():
    assert worst_confusions([[5, 1, 0], [0, 5, 3], [1, 0, 9]], ["a", "b", "c"]) == [
        (3, "b", "c"), (1, "a", "b"), (1, "c", "a")]


def test_top_5_is_there_for_more_than_five_classes():
    ranked = np.tile(np.arange(7.0) / 21, (7, 1))           # class 6 first, 0 last
    facts = measure(ranked, np.arange(7), list("abcdefg"))
    assert facts["top5"] == pytest.approx(5 / 7)
    assert facts["top1"] == pytest.approx(1 / 7)
    assert "top5" in measure(ranked[:1], np.array([3]), list("abcdefg"))


def test_confidence_that_keeps_its_word_has_no_error():
    right = np.arange(100) % 10 < 7
    assert calibration_error(np.full(100, 0.7), right) == pytest.approx(0, abs=1e-9)
    assert calibration_error(np.full(100, 0.9), right) == pytest.approx(0.2)
    assert calibration_error(np.array([1.0, 0.0]), np.array([True, False])) == 0


def rows(f1, support=5):
    return {name: {"f1": f, "support": support} for name, f in zip("abcd", f1, strict=False)}


def test_f1_against_size_is_pearsons():
    sizes = {"a": 10, "b": 20, "c": 30, "d": 60}
    assert f1_against_size(rows([0.1, 0.2, 0.3, 0.6]), sizes) == pytest.approx(1)
    assert f1_against_size(rows([0.6, 0.5, 0.4, 0.1]), sizes) == pytest.approx(-1)
    x, y = np.array([10, 20, 30, 60]), np.array([0.5, 0.1, 0.9, 0.4])
    by_hand = ((x - x.mean()) * (y - y.mean())).sum() / np.sqrt(((x - x.mean())**2).sum() * ((y - y.mean())**2).sum())
    assert f1_against_size(rows(y), sizes) == pytest.approx(by_hand)


@each(("f1", "sizes"), [
    ([1, 1, 1, 1], [1, 2, 3, 4]), ([0, 1, 0, 1], [3, 3, 3, 3]), ([0, 1], [1, 2]), ([0, 1, 0, 1], [])], ids=str)
def test_a_correlation_without_meaning_is_none(f1, sizes):
    sizes = dict(zip("abcd", sizes, strict=False))
    assert f1_against_size(rows(f1), sizes) is None
    assert f1_against_size(rows([0, 1, 0, 1], support=0), sizes) is None


def test_the_worst_classes_show_their_surest_mistakes():
    labels = np.array([0, 0, 0, 1, 1, 2])
    probabilities = np.array([[.9, .1, 0], [.4, .6, 0], [.1, .9, 0], [0, 1, 0], [0, .3, .7], [0, 0, 1]])
    facts = measure(probabilities, labels, ["a", "b", "c"])
    found = worst_classes(facts["per_class"], probabilities, labels, 3, 8)
    assert found == [("b", [4, 2, 1]), ("a", [2, 1]), ("c", [4])]          # F1 0.4, 0.5, 0.67; its own mistakes first
    assert worst_classes(facts["per_class"], probabilities, labels, 1, 2) == [("b", [4, 2])]
    right = np.eye(3)[labels]
    assert worst_classes(measure(right, labels, list("abc"))["per_class"], right, labels, 3, 8) == []
