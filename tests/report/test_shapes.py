"""Pictures of posteriors show each dimension on common axes, and each point in the colour of its class."""

import numpy as np
import pytest
from tests.report.test_figures import near, pixels

from undersong.report.drawn import Drawn
from undersong.report.figures import DARK, LIGHT, Theme, png
from undersong.report.html import Paragraph
from undersong.report.posteriors import pictures
from undersong.report.shapes import CLASSES, histograms, scatter, scatter_said

RANDOM = np.random.default_rng(0)


def shape(active: int, inactive: int, scale: float = 1.0) -> dict[str, np.ndarray]:
    """Of 200 sentences: dimensions whose mean moves, and some whose mean does not."""
    spread = np.array([scale] * active + [0.01] * inactive)
    mean = spread * RANDOM.standard_normal((200, active + inactive))
    variance = np.broadcast_to(np.array([0.05] * active + [1.0] * inactive), mean.shape).copy()
    return {"mean": mean, "variance": variance}


def placed(labels: list[int], classes: list[str]) -> dict[str, np.ndarray]:
    names = np.array(classes, dtype=str)
    return {"xy": RANDOM.standard_normal((len(labels), 2)), "label": np.array(labels), "classes": names}


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_active_and_inactive_dimensions_have_two_colours(theme: Theme) -> None:
    both = pixels(png(histograms({"DGP": shape(3, 2)}, theme), dpi=80))
    assert near(both, theme.lines[0]) > 200
    assert near(both, theme.lines[1]) > 200
    alike = pixels(png(histograms({"IGP": shape(5, 0)}, theme), dpi=80))
    assert near(alike, theme.lines[1]) < 100  # the legend's line alone


def test_models_share_the_axes_and_are_counted() -> None:
    figure = histograms({"DGP": shape(3, 2), "$IGP_$": shape(5, 0, scale=4.0)})
    one, other, *below = figure.axes
    assert one.get_xlim() == other.get_xlim()
    assert one.get_xlim()[1] > 8.0  # the wider model fits
    assert below[0].get_xlim() == below[1].get_xlim()
    assert below[0].get_xscale() == "log"
    assert one.get_title() == "DGP\n3 of 5 active in these"
    assert other.get_title() == "$IGP_$\n5 of 5 active in these"
    assert len(one.patches) == 2 * 5  # each dimension by itself: its outline, and what is below it


def test_a_point_mass_has_no_variance_to_draw() -> None:
    figure = histograms({"autoencoder": shape(2, 0) | {"variance": np.zeros((200, 2))}})
    assert [text.get_text() for text in figure.axes[1].texts] == ["a point mass: no variance"]
    assert png(figure).startswith(b"\x89PNG")


def points(figure) -> int:
    return sum(len(found.get_offsets()) for axes in figure.axes for found in axes.collections)


def test_every_class_has_its_name() -> None:
    models = {"DGP": placed([0, 1, 1, 2, -1], ["cat", "$dog$", "<bird>"])}
    figure = scatter(models)
    assert points(figure) == 5
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == ["cat", "$dog$", "<bird>", "another class, or none"]
    assert scatter_said(models) == "coloured by class"


def test_without_classes_all_points_are_drawn_and_it_is_said() -> None:
    models = {"DGP": placed([-1] * 30, [])}
    figure = scatter(models)
    assert points(figure) == 30
    assert not figure.legends
    assert near(pixels(png(figure, dpi=80)), LIGHT.lines[0]) > 20
    assert scatter_said(models) == "no class is known, so all have one colour"


def test_of_many_classes_the_commonest_are_coloured() -> None:
    labels = [label for label in range(45) for _ in range(1 + label)]
    models = {"DGP": placed(labels, [f"c{i}" for i in range(45)])}
    figure = scatter(models)
    assert points(figure) == len(labels)
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert said == [*(f"c{i}" for i in range(45 - CLASSES, 45)), "another class, or none"]
    assert scatter_said(models) == f"the {CLASSES} commonest of 45 classes coloured"


def test_what_is_drawn_and_what_is_not_is_said() -> None:
    many = shape(2, 1) | placed([0, 1, 0, 1] * 10, ["a", "b"])
    figures = pictures({"DGP": many, "IGP": shape(3, 0)}, "the test split of wordnet", "-x")
    first, second, third = figures
    assert isinstance(first, Drawn)
    assert isinstance(second, Drawn)
    assert [first.name, second.name] == ["posterior-histograms-x", "posterior-tsne-x"]
    assert "200 sentences of the test split of wordnet" in first.caption
    assert "40 sentences" in second.caption
    assert "perplexity 13; coloured by class" in second.caption
    assert third == Paragraph("No t-SNE of IGP on the test split of wordnet: it needs at least 4 sentences.")
