"""Links, activations, and what giant steps can learn of them."""

from __future__ import annotations

import html
import json
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native
from ._wait import finished, threads_of


class Link:
    """A link g of r directions, callable on arrays.

    ``z`` has shape (..., r) and the value shape (...). ``**`` is accepted like ``^``.

    >>> Link("z1 + z1*z2")([[1.0, 2.0], [3.0, 0.5]])
    array([3. , 4.5])
    """

    def __init__(self, text: str, r: int | None = None) -> None:
        self._link = _native.Link(text, r)

    @property
    def text(self) -> str:
        """The link as the program writes it."""
        return self._link.text

    @property
    def r(self) -> int:
        """The number of directions."""
        return self._link.r

    def __call__(self, z: ArrayLike) -> NDArray[np.float64]:
        z = np.asarray(z, dtype=np.float64)
        if z.ndim == 0 or z.shape[-1] != self.r:
            raise _native.LinkError(f"z has shape {z.shape}; the last axis has the {self.r} directions of `{self.text}`")
        rows = np.ascontiguousarray(z.reshape(-1, self.r))
        return self._link.values(rows).reshape(z.shape[:-1])

    def __repr__(self) -> str:
        return f"Link({self.text!r})"


class Analysis:
    """What giant steps can learn of a link: ``answer`` in a sentence, all of it in ``to_dict()``."""

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

    @property
    def leap(self) -> dict[str, Any]:
        """The leaps: the power l of n ~ d^l that one step, fresh steps, any basis need."""
        return dict(self._report["leap"])

    @property
    def staircase(self) -> dict[str, Any]:
        """What each fresh or repeated step adds."""
        return dict(self._report["staircase"])

    @property
    def floors(self) -> list[dict[str, Any]]:
        """The errors that no readout goes below after each step."""
        return list(self._report["floors"])

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """A verdict for each direction."""
        return list(self._report["verdicts"])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``giantstep analyze --json`` prints it."""
        return json.loads(json.dumps(self._report))  # type: ignore[no-any-return]

    def to_frame(self) -> Any:
        """The verdicts as a pandas data frame, a row for each direction."""
        import pandas as pd

        return pd.json_normalize(self.verdicts)

    def __repr__(self) -> str:
        return f"Analysis({self._report['link']!r}: {self.answer})"

    def _repr_html_(self) -> str:
        columns = list(dict.fromkeys(key for verdict in self.verdicts for key in verdict))
        head = "".join(f"<th>{html.escape(column.replace('_', ' '))}</th>" for column in columns)
        cell = "<td>{}</td>".format
        rows = "".join(
            "<tr>" + "".join(cell(html.escape(_shown(verdict.get(column)))) for column in columns) + "</tr>"
            for verdict in self.verdicts
        )
        return f"<p><b>{html.escape(self.answer)}</b></p><table><tr>{head}</tr>{rows}</table>"


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)


class BooleanAnalysis:
    """What steps on Boolean inputs can learn of a link: ``answer`` in a sentence, all of it in ``to_dict()``."""

    def __init__(self, report: dict[str, Any]) -> None:
        self._report = report

    @property
    def answer(self) -> str:
        """The sentence that ``giantstep analyze --inputs hypercube`` begins with."""
        return str(self._report["answer"])

    @property
    def status(self) -> str:
        """How far the zeros can be trusted: exact, certified or undecided."""
        return str(self._report["status"])

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

    def to_dict(self) -> dict[str, Any]:
        """Everything, as ``giantstep analyze --inputs hypercube --json`` prints it."""
        return json.loads(json.dumps(self._report))  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"BooleanAnalysis({self._report['link']!r}: {self.answer})"


@overload
def analyze(
    link: str | Link,
    *,
    activation: str = ...,
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
    activation: str = ...,
    inputs: Literal["hypercube"],
    r: int | None = ...,
    threads: int | None = ...,
) -> BooleanAnalysis: ...
def analyze(
    link: str | Link,
    *,
    activation: str = "relu(x)",
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
    text = link.text if isinstance(link, Link) else link
    if inputs == "hypercube":
        if steps is not None or tensors:
            raise ValueError("steps and tensors are of Gaussian inputs: leave them out with inputs='hypercube'")
        work = _native.analyze_boolean(text, activation, r, threads_of(threads))
        return BooleanAnalysis(json.loads(finished(work)))
    if inputs != "gaussian":
        raise ValueError(f"inputs = {inputs!r}: expected 'gaussian' or 'hypercube'")
    work = _native.analyze(text, activation, r, steps, tensors, timeout, threads_of(threads))
    return Analysis(json.loads(finished(work)))


def catalogue() -> list[dict[str, str]]:
    """The targets that come along: name, link, source."""
    return json.loads(_native.catalogue())  # type: ignore[no-any-return]


def hermite(activation: str, count: int = 10) -> NDArray[np.float64]:
    """The first Hermite coefficients ``c_k = E[sigma(x) He_k(x)]`` of an activation, He_k unnormalised.

    >>> hermite("relu(x)", 3).round(4)
    array([0.3989, 0.5   , 0.3989])
    """
    return _native.hermite(activation, count)
