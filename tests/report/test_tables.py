"""A table shows nothing it does not know, and marks only what may be compared."""

import pytest

from undersong.report.tables import Cell, Table, markdown, with_best

HOSTILE = "<script>alert('x')</script> | [red]*\"`$x$ \x1b[31m\u202e & ok"


def table() -> Table:
    rows = (
        (Cell("elbo", detail="nats"), Cell(-41.23456, error=0.1), Cell(None)),
        (Cell(HOSTILE), Cell(1234567), Cell(float("nan"), mark=" †")),
    )
    return Table("Figures", ("figure", "vae", "=autogen"), rows, ("a note",))


def test_what_is_not_finite_is_a_dash() -> None:
    assert str(Cell(float("inf"))) == str(Cell(float("nan"))) == str(Cell(None)) == "–"


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [(-0.001, 2, "0.00"), (-41.239, 2, "-41.24"), (1234.5, 1, "1,234.5"), (0, 2, "0"), (-0.0, 1, "0.0")],
)
def test_numbers_have_consistent_digits(value: float, digits: int, shown: str) -> None:
    assert str(Cell(value, digits)) == shown


def test_markdown_lets_no_html_and_no_new_column_through() -> None:
    lines = markdown(table()).splitlines()
    assert "<script>" not in markdown(table())
    assert "\x1b" not in markdown(table())
    assert "\u202e" not in markdown(table())
    rows = [line for line in lines if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {4}


def test_the_best_is_the_best() -> None:
    cells = [Cell(-41.0), Cell(-40.0), Cell(None), Cell(float("nan"))]
    assert [c.best for c in with_best(cells, 1)] == [False, True, False, False]
    assert [c.best for c in with_best(cells, -1)] == [True, False, False, False]
    assert not any(c.best for c in with_best(cells, 0))


def test_what_shows_the_same_digits_shares_the_mark() -> None:
    assert [c.best for c in with_best([Cell(1.001), Cell(1.002), Cell(0.5)], 1)] == [True, True, False]
    assert not any(c.best for c in with_best([Cell(1.001), Cell(1.002)], 1))
    assert not any(c.best for c in with_best([Cell(1.0), Cell(None)], 1))


def test_a_row_of_the_wrong_width_is_refused() -> None:
    with pytest.raises(ValueError, match="2 cells for 1 columns"):
        Table("t", ("a",), ((Cell(1), Cell(2)),))
