"""What is known of many images lies in columns, and nothing of it is lost there."""

import dataclasses

from tenfold.preprocess.survey.facts import Facts, SourceFacts
from tenfold.preprocess.survey.facts_file import FactsFile

GOOD = SourceFacts("0a" * 12, "0b" * 12, (28, 20), fingerprint="b1" * 196, spread=12.25, several=True, two_tone=0.75)
ROWS = [GOOD,
        dataclasses.replace(GOOD, dark_ink=-3.5, tones=(12, 200), pen=2.5, lost=(1, 0.01), edges=3, ink=0.2),
        SourceFacts(fault="blank: no ink", levels=("unsigned", 16, 3, 2**63), dark_ink=1.0, tones=(0, 1)),
        dataclasses.replace(GOOD, levels=("float", 32, -0.5, 1.25))]


def test_rows_come_out_of_the_columns_as_they_went_in():
    facts = Facts.of(ROWS)
    assert [*facts] == ROWS
    assert facts[-1] == ROWS[-1]
    assert facts[1:3] == ROWS[1:3]
    assert Facts.of(ROWS) == facts
    assert facts.columns["bad"].tolist() == [False, False, True, False]


def test_rows_come_out_of_the_file_as_they_went_in_whatever_their_order(tmp_path):
    held = FactsFile(tmp_path)
    for first in (4, 0, 8):
        held.put(first, Facts.of(ROWS))
    facts = held.facts()
    assert [*facts] == ROWS * 3
    assert [*facts.faults] == [2, 6, 10]
    assert facts != Facts.of(ROWS)
    assert len(FactsFile(tmp_path).facts()) == 0
    assert not [*tmp_path.iterdir()]
