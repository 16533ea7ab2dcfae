"""CSV for spreadsheets: formulas made harmless, numbers left alone."""

from __future__ import annotations

import csv
import io

import pytest

from seg_core.common.csv_text import csv_text, plain_cell


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("lesion 1.jpg", "lesion 1.jpg"),
        ("=1+1", "'=1+1"),
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+49 30", "'+49 30"),
        ("-rf.jpg", "'-rf.jpg"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", '"\'\t=1"'),
        ("\r=1", '"\'\r=1"'),
        ("＝1+1", "'＝1+1"),
        ("a;=1+1", '"a;=1+1"'),
        ('a "b", c', '"a ""b"", c"'),
        (-0.5, "-0.5"),
        ("-0.500000", "-0.500000"),
        ("+3", "+3"),
        ("-1.5e-07", "-1.5e-07"),
        ("-1-1", "'-1-1"),
        ("", ""),
        (12, "12"),
    ],
)
def test_a_cell_is_shown_and_never_computed(cell: object, written: str) -> None:
    text = csv_text([["first", cell]])
    assert text == f"first,{written}\n"
    (row,) = csv.reader(io.StringIO(text, newline=""))
    assert plain_cell(row[1]) == str(cell)


def test_what_is_written_is_read_again() -> None:
    rows = [["a", "b, c", 'say "x"'], ["", "1;2", "two\nlines"]]
    assert list(csv.reader(io.StringIO(csv_text(rows, "\r\n"), newline=""))) == rows
