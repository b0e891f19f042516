"""Tables in the encodings and with the marks that programs write are all the same table."""

import csv
import io

import pytest
from cases import each

from tenfold.data.errors import SourceFault
from tenfold.data.sources.table_files import find_tables, read_table

ROWS = [["path", "label; or not"], ["a/é 1.png", 'big, "wild"\tcat'], ["b\\2.png", "dog"]]


def written(mark: str, end: str = "\r\n") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=mark, lineterminator=end).writerows(ROWS)
    return text.getvalue()


@each("mark", list(",;\t "))
@each("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@each("end", ["\r\n", "\n", "\r", "\n\n"])
@each("first", ["", "sep={}", '"sep={}"', "SEP={}"])
def test_marks_encodings_line_ends_and_a_line_that_names_the_mark_make_no_difference(tmp_path, mark, encoding, end,
                                                                                     first):
    start = first.format(mark) + end if first else ""
    (tmp_path / "t.csv").write_bytes((start + written(mark, end)).encode(encoding))
    read = read_table(tmp_path / "t.csv", "", "")
    assert [cells for _, cells in read] == ROWS
    assert read[0][0] == 1 + (start.count("\n") or start.count("\r"))       # as an editor counts


def test_columns_may_be_filled_up_with_blanks(tmp_path):
    (tmp_path / "t.csv").write_text("images/a.png  1.0          mono\nimages/b.png  0.3333333333 poly\n")
    assert [cells for _, cells in read_table(tmp_path / "t.csv", "", "")] == [
        ["images/a.png", "1.0", "mono"], ["images/b.png", "0.3333333333", "poly"]]


@each("text", ['"a.png" , "cat" \n"b.png","dog"\n', 'a.png,cat\nb.png,"dog'])
def test_odd_quotation_marks_that_swallow_no_line_do_no_harm(tmp_path, text):
    (tmp_path / "t.csv").write_text(text)
    assert [cells for _, cells in read_table(tmp_path / "t.csv", "", "")] == [["a.png", "cat"], ["b.png", "dog"]]


def test_lines_are_counted_as_an_editor_does(tmp_path):
    (tmp_path / "t.csv").write_text('a,"x\ny"\n\n b , "c, d"\n')
    assert read_table(tmp_path / "t.csv", "", "") == [(2, ["a", "x\ny"]), (4, ["b", "c, d"])]


def test_the_mark_is_the_one_that_all_lines_agree_on(tmp_path):
    (tmp_path / "t.csv").write_text("path;name\n1.png;Doe, John\n2.png;Roe, Jane\n")
    assert read_table(tmp_path / "t.csv", "", "")[1] == (2, ["1.png", "Doe, John"])


def test_a_line_with_fewer_cells_above_the_table_does_not_hide_the_mark(tmp_path):
    (tmp_path / "t.csv").write_text("# my own labels\npath;name\n1.png;cat\n2.png;dog\n")
    assert read_table(tmp_path / "t.csv", "", "")[1:] == [(2, ["path", "name"]), (3, ["1.png", "cat"]),
                                                          (4, ["2.png", "dog"])]


@each("content", [b"\xff\xfe\x00", b"a,b\n\xff\xff", b'a,"' + b"x" * 200_000, b'a,b\n1.png,"cat\n2.png,dog\n',
                  b'a,b\n1.png,"cat\n2.png,dog\n3.png,"cat\n'], ids=["utf-16", "utf-8", "long", "open", "two open"])
def test_what_is_no_table_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(SourceFault, match=r"t\.csv: is not a .csv file .*write it in UTF-8$"):
        read_table(tmp_path / "t.csv", "write it", "split.groups")
    with pytest.raises(SourceFault, match=r"none\.csv: No such file .* give split.groups the name"):
        read_table(tmp_path / "none.csv", "write it", "split.groups")


def test_a_table_is_where_it_is_said_to_be_or_else_among_the_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "t.csv").touch()
    assert find_tables("t.csv", tmp_path / "images")[0].samefile("images/t.csv")
    (tmp_path / "t.csv").touch()
    assert find_tables("t.csv", tmp_path / "images")[0].samefile("t.csv")
