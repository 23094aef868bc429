"""Links, activations, and what giant steps can learn of them."""

from __future__ import annotations

import html
import json
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._functions import Activation, Link, activation_text, link_text
from ._wait import finished, threads_of


class _Report:
    """A report as a dict, and what every report says."""

    def __init__(self, report: dict[str, Any]) -> None:
        self._report = report

    @property
    def answer(self) -> str:
        """The sentence that ``giantstep analyze`` begins with."""
        return str(self._report["answer"])

    @property
    def status(self) -> str:
        """How far the zeros can be trusted: exact, certified or undecided."""
        return str(self._report["status"])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``giantstep analyze --json`` prints it."""
        return json.loads(json.dumps(self._report))  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._report['link']!r}: {self.answer})"

    def _repr_html_(self) -> str:
        rows = self._rows()
        columns = list(dict.fromkeys(key for row in rows for key in row))
        head = "".join(f"<th>{html.escape(column.replace('_', ' '))}</th>" for column in columns)
        cell = "<td>{}</td>".format
        body = "".join(
            "<tr>" + "".join(cell(html.escape(_shown(row.get(column)))) for column in columns) + "</tr>" for row in rows
        )
        return f"<p><b>{html.escape(self.answer)}</b></p><table><tr>{head}</tr>{body}</table>"

    def to_frame(self) -> Any:
        """The rows that a notebook shows as a pandas data frame."""
        import pandas as pd

        return pd.json_normalize(self._rows())

    def plot(self, ax: Any = None) -> Any:
        """The staircase: errors that no readout goes below after each fresh step, and the directions found; returns the axes."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(layout="constrained")
        courses, directions = self._course()
        for marker, (label, floors) in zip(("o-", "s--"), courses.items()):
            ax.plot(range(len(floors)), floors, marker, label=label)
        known: list[str] = []
        for step, found in enumerate(directions, 1):
            new = ", ".join(name for name in found if name not in known)
            if new:
                ax.axvline(step, color="0.85", zorder=0)
                ax.annotate(new, (step, 1), xycoords=("data", "axes fraction"), ha="center", va="bottom")
            known = found
        ax.set(xlabel="giant steps", ylabel="floor of the test error", ylim=(0, None))
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.legend()
        return ax

    def _rows(self) -> list[dict[str, Any]]:
        """What a notebook shows."""
        raise NotImplementedError

    def _course(self) -> tuple[dict[str, list[float]], list[list[str]]]:
        """Floors after each number of steps, by what they are floors of, and the directions known after each step."""
        raise NotImplementedError


class Analysis(_Report):
    """What giant steps can learn of a link: ``answer`` in a sentence, all of it in ``to_dict()``.

    >>> found = analyze("z1 + z1*z2")
    >>> found.leap["one_step"], found.status, found.floors["bounded_width"][:3]
    (1, 'exact', [2.0, 1.0, 0.0])
    """

    @property
    def leap(self) -> dict[str, Any]:
        """The leaps: the power l of n ~ d^l that one step, fresh steps, any basis need."""
        return dict(self._report["leap"])

    @property
    def generative_leap(self) -> dict[str, Any] | None:
        """The generative leap k*: ``value``, ``sample_exponent`` of n ~ d^..., and the ``steps`` of its chain, each an order and directions."""
        found = self._report["generative_leap"]
        return None if found is None else dict(found)

    @property
    def staircase(self) -> dict[str, Any]:
        """What each fresh or repeated step adds."""
        return dict(self._report["staircase"])

    @property
    def floors(self) -> dict[str, Any]:
        """The errors that no readout goes below after 0, 1, ... fresh steps: of bounded width, and wide at each n and p ~ d^kappa."""
        return dict(self._report["floors"])

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """A verdict for each direction."""
        return list(self._report["verdicts"])

    def _rows(self) -> list[dict[str, Any]]:
        return self.verdicts

    def _course(self) -> tuple[dict[str, list[float]], list[list[str]]]:
        floors = self.floors
        wide = {f"wide, n and p ~ d^{one['kappa']}": one["floor"] for one in floors["wide"][:1]}
        return {"bounded width, n ~ d": floors["bounded_width"], **wide}, self.staircase["fresh"][0]["directions"]


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)


class BooleanAnalysis(_Report):
    """What steps on Boolean inputs can learn of a link: ``answer`` in a sentence, all of it in ``to_dict()``.

    >>> found = analyze("z1 + z1*z2*z3", inputs="hypercube")
    >>> found.leap["leap"], found.coefficients
    (2, {(1,): 1.0, (1, 2, 3): 1.0})
    """

    @property
    def leap(self) -> dict[str, Any]:
        """The leap of one step, of fresh steps (1: a merged staircase), and of transformed labels."""
        return {key: self._report[key] for key in ("one_step", "leap", "transformed_leap")}

    @property
    def coefficients(self) -> dict[tuple[int, ...], float]:
        """The coefficient of each product of coordinates, which are counted from 1."""
        return {tuple(c["coordinates"]): c["value"] for c in self._report["coefficients"]}

    @property
    def chain(self) -> list[dict[str, Any]]:
        """Dimension, directions and floor after each step at n ~ d, the start first."""
        return list(self._report["chain"])

    def _rows(self) -> list[dict[str, Any]]:
        return self.chain

    def _course(self) -> tuple[dict[str, list[float]], list[list[str]]]:
        steps = self.chain
        return {"n ~ d": [step["floor"] for step in steps]}, [step["directions"] for step in steps[1:]]


@overload
def analyze(
    link: str | Link,
    *,
    activation: str | Activation = ...,
    inputs: Literal["gaussian"] = ...,
    r: int | None = ...,
    steps: int | None = ...,
    tensors: int = ...,
    timeout: float = ...,
    threads: int | None = ...,
) -> Analysis: ...
@overload
def analyze(
    link: str | Link,
    *,
    activation: str | Activation = ...,
    inputs: Literal["hypercube"],
    r: int | None = ...,
    threads: int | None = ...,
) -> BooleanAnalysis: ...
def analyze(
    link: str | Link,
    *,
    activation: str | Activation = "relu(x)",
    inputs: Literal["gaussian", "hypercube"] = "gaussian",
    r: int | None = None,
    steps: int | None = None,
    tensors: int = 0,
    timeout: float = 60.0,
    threads: int | None = None,
) -> Analysis | BooleanAnalysis:
    """What giant steps can learn of a link with an activation: leaps, staircase, floors, verdicts.

    ``timeout`` stops it, in seconds; what is not known by then is unknown, never "no". ``tensors`` asks for the Hermite tensors
    ``E[g He_k(z)]`` up to this order. With ``inputs="hypercube"`` the inputs are independent signs, and the answer is a
    ``BooleanAnalysis``.

    >>> analyze("sign(z1*z2*z3)").leap["one_step"]
    3
    >>> analyze("z1 + z1*z2*z3", inputs="hypercube").leap
    {'one_step': 1, 'leap': 2, 'transformed_leap': 2}
    """
    text, sigma = link_text(link), activation_text(activation)
    if inputs == "hypercube":
        if steps is not None or tensors:
            raise ValueError("steps and tensors are of Gaussian inputs: leave them out with inputs='hypercube'")
        work = _native.analyze_boolean(text, sigma, r, threads_of(threads))
        return BooleanAnalysis(json.loads(finished(work)))
    if inputs != "gaussian":
        raise ValueError(f"inputs = {inputs!r}: expected 'gaussian' or 'hypercube'")
    work = _native.analyze(text, sigma, r, steps, tensors, timeout, threads_of(threads))
    return Analysis(json.loads(finished(work)))


def catalogue() -> list[dict[str, str]]:
    """The targets that come along: name, link, source. ``analyze(name)`` takes the name.

    >>> catalogue()[0]["name"]
    'hermite-124'
    """
    return json.loads(_native.catalogue())  # type: ignore[no-any-return]


def hermite(activation: str | Activation, count: int = 10) -> NDArray[np.float64]:
    """The first Hermite coefficients ``c_k = E[sigma(x) He_k(x)]`` of an activation, He_k unnormalised.

    Quadrature is split at the kinks of typed activations; those of a function are not known, and cost digits.

    >>> hermite("relu(x)", 3).round(4)
    array([0.3989, 0.5   , 0.3989])
    """
    if isinstance(activation, Activation):
        return _native.hermite_of(activation._own(), count)
    return _native.hermite(activation, count)
