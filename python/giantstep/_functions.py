"""Links and activations: typed, or functions of one's own."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _native

Floats = NDArray[np.float64]
#: A function of arrays, one value for each entry or row.
Function = Callable[[Floats], ArrayLike]

#: The step of a central difference, at which its truncation and the rounding of the function weigh about the same.
STEP = float(np.finfo(float).eps ** (1 / 3))


def _name(function: Function) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _values(name: str, values: ArrayLike, shape: tuple[int, ...]) -> Floats:
    found = np.asarray(values, dtype=np.float64)
    if found.shape != shape:
        raise _native.LinkError(f"{name} returned an array of shape {found.shape}: expected {shape}, one value for each")
    return found


class Link:
    """A link g of r directions, callable on arrays: text, or a function of one's own with the number ``r``.

    ``z`` has shape (..., r) and the value shape (...). ``**`` is accepted like ``^``. A function is given all rows of a panel at
    once, shape (m, r) in double precision, and returns shape (m,); it must not depend on how rows are divided. Nothing is
    derived of a function: no analysis, no prediction, no file.

    >>> Link("z1 + z1*z2")([[1.0, 2.0], [3.0, 0.5]])
    array([3. , 4.5])
    >>> Link(lambda z: z[:, 0] + z[:, 0] * z[:, 1], r=2)([[1.0, 2.0], [3.0, 0.5]])
    array([3. , 4.5])
    """

    def __init__(self, link: str | Function, r: int | None = None) -> None:
        if isinstance(link, str):
            self._link: _native.Link | Function = _native.Link(link, r)
            self._r = self._link.r
        elif not callable(link):
            raise _native.LinkError(f"link = {link!r}: text such as \"z1 + z1*z2\", or a function of arrays")
        elif r is None or r < 1:
            raise _native.LinkError(f"the link is the function `{_name(link)}`: say of how many directions, gs.Link(f, r=2)")
        else:
            self._link, self._r = link, int(r)

    @property
    def text(self) -> str | None:
        """The link as the program writes it; None for a function."""
        return self._link.text if isinstance(self._link, _native.Link) else None

    @property
    def r(self) -> int:
        """The number of directions."""
        return self._r

    def __call__(self, z: ArrayLike) -> Floats:
        z = np.asarray(z, dtype=np.float64)
        if z.ndim == 0 or z.shape[-1] != self.r:
            raise _native.LinkError(f"z has shape {z.shape}; the last axis has the {self.r} directions of {self!r}")
        rows = np.ascontiguousarray(z.reshape(-1, self.r))
        if isinstance(self._link, _native.Link):
            return self._link.values(rows).reshape(z.shape[:-1])
        return _values(_name(self._link), self._link(rows), (len(rows),)).reshape(z.shape[:-1])

    def hermite(self, degree: int) -> dict[tuple[int, ...], float]:
        """The coefficients ``E[g(z) He_j(z1) He_k(z2)...]`` up to a total degree, by the degrees (j, k, ...); He unnormalised.

        By quadrature with 64 nodes for each direction, and fewer where they would make more than 10^6 points: to rounding for
        smooth links, to a percent or so where a link has kinks. ``analyze(link, tensors=...)`` certifies those of a typed link.

        >>> {degrees: round(c, 12) for degrees, c in Link("z1 + z1*z2").hermite(2).items() if abs(c) > 1e-12}
        {(1, 0): 1.0, (1, 1): 1.0}
        """
        count = min(64, int(10 ** (6 / self.r)))
        nodes, weights = np.polynomial.hermite_e.hermegauss(count)
        weights = weights / weights.sum()
        grid = np.stack(np.meshgrid(*[nodes] * self.r, indexing="ij"), axis=-1)
        values = self(grid)
        polynomials = np.polynomial.hermite_e.hermevander(nodes, degree) * weights[:, None]
        for _ in range(self.r):
            # The first axis of nodes becomes the last one of degrees.
            values = np.tensordot(values, polynomials, axes=(0, 0))
        return {at: float(values[at]) for at in np.ndindex(*values.shape) if sum(at) <= degree}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Link) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, int]:
        return self.text if isinstance(self._link, _native.Link) else self._link, self._r

    def __reduce__(self) -> tuple[object, ...]:
        return Link, self._key()

    def __repr__(self) -> str:
        if isinstance(self._link, _native.Link):
            return f"Link({self._link.text!r})"
        return f"Link({_name(self._link)}, r={self._r})"

    def _own(self) -> tuple[str, Function, int] | None:
        """What the program takes of a function."""
        return None if isinstance(self._link, _native.Link) else (_name(self._link), self._link, self._r)


class Activation:
    """An activation of one's own: a function of arrays, and its derivative.

    It is given all fields of a panel at once, one axis in double precision, and returns as many values. Without a derivative
    central differences stand in for it, with a warning. Nothing is derived of a function: no analysis, no prediction, no file.

    >>> softplus = Activation(lambda x: np.logaddexp(0, x), derivative=lambda x: 1 / (1 + np.exp(-x)))
    >>> softplus([0.0, 1.0]).round(4)
    array([0.6931, 1.3133])
    """

    def __init__(self, function: Function, derivative: Function | None = None) -> None:
        for given in (function, derivative):
            if given is not None and not callable(given):
                raise _native.LinkError(f"activation = {given!r}: a function of arrays; text is given as it is, without gs.Activation")
        self._function, self._derivative = function, derivative
        if derivative is None:
            warnings.warn(
                f"the activation `{_name(function)}` has no derivative: central differences stand in for it, good to 1e-10 or so"
                f" where it is smooth and wrong within {STEP:.0e} of a kink; give one with gs.Activation(f, derivative=...)",
                stacklevel=2,
            )

    def __call__(self, x: ArrayLike) -> Floats:
        x = np.asarray(x, dtype=np.float64)
        return _values(_name(self._function), self._function(x), x.shape)

    def slope(self, x: ArrayLike) -> Floats:
        """The derivative."""
        x = np.asarray(x, dtype=np.float64)
        if self._derivative is not None:
            return _values(f"the derivative of {_name(self._function)}", self._derivative(x), x.shape)
        width = STEP * np.maximum(1.0, np.abs(x))
        above, below = x + width, x - width
        slope: Floats = (self(above) - self(below)) / (above - below)
        return slope

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Activation) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, object]:
        return self._function, self._derivative

    def __repr__(self) -> str:
        return f"Activation({_name(self._function)})"

    def _own(self) -> tuple[str, Function, Function]:
        """What the program takes."""
        return _name(self._function), self._function, self._derivative or self.slope


def link_text(link: str | Link) -> str:
    """The text of a link that is to be analysed."""
    if isinstance(link, str):
        return link
    if link.text is None:
        raise _native.LinkError(
            f"{link!r} is a function, of which no zero can be proved: write it as an expression, such as \"z1 + z1*z2\""
        )
    return link.text


def activation_text(activation: str | Activation | Any) -> str:
    """The text of an activation that is to be analysed."""
    if isinstance(activation, str):
        return activation
    raise _native.LinkError(
        f"activation = {activation!r} is a function, of which no zero can be proved: write it as an expression, such as \"tanh(x)\""
    )
