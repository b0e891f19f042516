"""Names of classes: composed, compared by what a reader sees, and listed in few words."""

import unicodedata

from cases import each

from tenfold.data.sources.class_names import class_differences, look_alikes, one_spelling
from tenfold.data.wording import quoted, some


@each("name", ["café", "가나", "Å", "ẛ̣", "plain", "\udcff"])
def test_every_form_of_a_name_has_one_spelling(name):
    assert len({one_spelling(unicodedata.normalize(form, name)) for form in ("NFC", "NFD")}) == 1
    assert one_spelling(one_spelling(name)) == one_spelling(name)


@each("other", ["DOG", " dog", "dog ", "do\u200bg", "dog\u3000", "\uff44og"])
def test_names_that_look_alike_are_grouped(other):
    assert look_alikes(["cat", "dog", "bird", other]) == [["dog", other]]
    assert look_alikes(["cat", "dog"]) == []
    assert quoted(other).isprintable()
    assert len({quoted(name) for name in ("dog", other)}) == 2


def test_classes_that_differ_stand_beside_those_they_look_like():
    lines = class_differences(["cat", "dog", "bird"], ["Cat", "dog", "fish"])
    assert lines == ["the data has 'Cat' where the model has 'cat'", "the model does not know 'fish'",
                     "the data lacks 'bird'"]
    assert class_differences(["a"], ["a"]) == []
    assert len(" ".join(class_differences([f"a{i}" for i in range(5000)], [f"b{i}" for i in range(5000)]))) < 200


def test_a_list_names_some_and_counts_the_others():
    assert some(["a"]) == "a"
    assert some("abc", last=" and ") == "a, b and c"
    assert some("abcdefgh", 3) == "a, b, c and 5 others"
