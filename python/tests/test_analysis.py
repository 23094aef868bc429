"""Links, activations, analysis."""

import numpy as np
import pytest

import giantstep as gs


def test_links_are_functions_of_arrays():
    rng = np.random.default_rng(1)
    z = rng.normal(size=(4, 5, 3))
    link = gs.Link("z1 + z1*z2 + tanh(z3)**2")
    assert link.r == 3
    expected = z[..., 0] + z[..., 0] * z[..., 1] + np.tanh(z[..., 2]) ** 2
    np.testing.assert_allclose(link(z), expected, rtol=1e-12)


def test_hermite_coefficients_are_those_of_a_quadrature():
    # Equally spaced nodes: exact to rounding for what is analytic around the axis.
    x = np.linspace(-12, 12, 2401)
    w = np.exp(-(x**2) / 2) * (x[1] - x[0]) / np.sqrt(2 * np.pi)
    ours = gs.hermite("x*tanh(x)", 6)
    for k in range(6):
        he = np.polynomial.hermite_e.hermeval(x, [0] * k + [1])
        assert ours[k] == pytest.approx(np.sum(w * x * np.tanh(x) * he), abs=1e-9)


def test_mistakes_are_shown_where_they_stand():
    with pytest.raises(gs.LinkError) as error:
        gs.analyze("z1 + z1*w2")
    assert "^" in str(error.value) and "w2" in str(error.value)
    assert isinstance(error.value, ValueError)
    with pytest.raises(gs.LinkError, match="2 directions"):
        gs.Link("z1*z2")(np.zeros((3, 3)))
    with pytest.raises(gs.GiantstepError, match="threads = 0"):
        gs.analyze("z1", threads=0)


def test_a_timeout_leaves_unknown_and_not_no():
    found = gs.analyze("relu(z1+relu(z2+relu(z3+relu(z4))))", timeout=0.2)
    assert found.status == "undecided"


def test_analyses_show_themselves():
    found = gs.analyze("z1 + z1*z2")
    assert "Two fresh steps" in repr(found)
    page = found._repr_html_()
    assert page.count("<tr>") == 3 and "<b>Two fresh steps" in page
    assert len(found.to_frame()) == 2


def test_the_generative_leap_has_its_chain():
    found = gs.analyze("sign(z1*z2*z3)").generative_leap
    assert found is not None
    assert (found["value"], found["sample_exponent"]) == (3, 1.5)
    assert [(step["order"], len(step["directions"])) for step in found["steps"]] == [(3, 3)]
    assert gs.analyze("1").generative_leap is None


def test_floors_and_staircases_are_drawn():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    found = gs.analyze("z1 + z1*z2")
    # E y^2 = 2; one step leaves z1 z2 at width of order 1.
    assert found.floors["bounded_width"][:3] == pytest.approx([2, 1, 0])
    ax = found.plot()
    assert list(ax.lines[0].get_ydata())[:3] == pytest.approx([2, 1, 0])
    assert [text.get_text() for text in ax.texts] == ["z1", "z2"]
    boolean = gs.analyze("z1 + z1*z2*z3", inputs="hypercube")
    assert list(boolean.plot().lines[0].get_ydata()) == pytest.approx([2, 1])
    assert "<td>" in boolean._repr_html_() and len(boolean.to_frame()) == 2


def test_the_catalogue_can_be_analysed_by_name():
    names = [target["name"] for target in gs.catalogue()]
    assert len(names) > 10
    assert gs.analyze(names[0]).verdicts
