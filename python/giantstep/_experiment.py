"""Experiments: immutable, read and checked when they are made."""

from __future__ import annotations

import base64
import json
import numbers
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from . import _native
from ._functions import Activation, Function, Link
from ._wait import threads_of


def _toml(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        return repr(float(value))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(str(key))} = {_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, Iterable):
        return "[" + ", ".join(_toml(inner) for inner in value) + "]"
    raise _native.ExperimentError(f"{value!r} is a {type(value).__name__}: numbers, text, lists and dicts can be settings")


@dataclass(frozen=True)
class _Own:
    """Functions of one's own in the places of expressions."""

    link: Link | None = None
    activation: Activation | None = None

    def taken(self, settings: Mapping[str, object]) -> tuple[dict[str, object], _Own]:
        """The settings without functions, and the functions with those among them; text gives a place back."""
        own, left = self, dict[str, object]()
        for key, value in settings.items():
            if key in ("link", "target.link"):
                if callable(value) and not isinstance(value, Link):
                    value = Link(value)  # says what is missing
                if isinstance(value, Link) and value.text is None:
                    own = replace(own, link=value)
                    continue
                own = replace(own, link=None)
                if isinstance(value, Link):
                    left["target.r"] = value.r
                    value = value.text
            elif key in ("activation", "network.activation"):
                if callable(value):
                    own = replace(own, activation=value if isinstance(value, Activation) else Activation(value))
                    continue
                own = replace(own, activation=None)
            left[key] = value
        return left, own


class Experiment:
    """An experiment: what is learnt, by what, and how.

    ``link`` is the target g of z1..zr, ``d`` the input dimension, ``p`` the width, ``n`` the samples of a batch, ``eta``
    the step size; each of them a number or a formula such as ``"4*d"``. Any other key of an experiment file is given in
    a dict: ``Experiment(..., **{"protocol.reuse": 5})``; ``gs.keys()`` lists them.

    Link and activation may be functions of one's own: ``gs.Link(f, r=2)``, and ``gs.Activation(f, derivative=...)`` or f alone.
    They are called with arrays, for the rows of a panel at a time; their runs stay in memory, and theory says nothing of them.

    >>> experiment = Experiment("z1 + z1*z2", d=1000, p=64, n="4*d", eta="p", steps=2)
    >>> experiment.points[0]["n"]
    4000
    >>> experiment.set({"protocol.reuse": 2}) == experiment
    False
    """

    __slots__ = ("_axes", "_changes", "_file", "_origin", "_own", "_plan", "_quick")

    def __init__(
        self,
        link: str | Link,
        *,
        d: int | str,
        p: int | str,
        n: int | str,
        eta: float | str,
        steps: int = 1,
        activation: str | Activation | Function = "relu(x)",
        seeds: int = 1,
        **keys: object,
    ) -> None:
        settings: dict[str, object] = {
            "target.link": link,
            "network.width": p,
            "network.activation": activation,
            "protocol.dimension": d,
            "protocol.batch": n,
            "protocol.step_size": eta,
            "protocol.steps": steps,
            "run.seeds": seeds,
            **keys,
        }
        settings, own = _Own().taken(settings)
        self._fill("", "experiment", _changes(settings), (), False, own)

    def _fill(
        self, file: str, origin: str, changes: tuple[str, ...], axes: tuple[Any, ...] | None, quick: bool, own: _Own
    ) -> None:
        self._file, self._origin, self._changes, self._axes, self._quick = file, origin, changes, axes, quick
        self._own = own
        sweep = () if axes is None else (f"sweep={_toml(axes)}",)
        link = None if own.link is None else own.link._own()
        activation = None if own.activation is None else own.activation._own()
        self._plan = _native.Plan(file, origin, [*changes, *sweep], quick, link, activation)

    @classmethod
    def _of(
        cls,
        file: str,
        origin: str,
        changes: tuple[str, ...],
        axes: tuple[Any, ...] | None,
        quick: bool,
        own: _Own = _Own(),
    ) -> Experiment:
        new = cls.__new__(cls)
        new._fill(file, origin, changes, axes, quick, own)
        return new

    @classmethod
    def from_toml(cls, text: str, *, quick: bool = False) -> Experiment:
        """The experiment of a file's text, with the changes of its [quick] table if asked for."""
        return cls._of(text, "experiment", (), None, quick)

    @classmethod
    def preset(cls, name: str, *, quick: bool = False) -> Experiment:
        """One of the experiments that come along: ``giantstep reproduce --list``."""
        presets = dict(_native.presets())
        if name not in presets:
            raise _native.ExperimentError(f"no experiment `{name}`; known are {', '.join(presets)}")
        return cls._of(presets[name], name, (), None, quick)

    def set(self, keys: Mapping[str, object] | None = None, **more: object) -> Experiment:
        """The same with other settings, by dotted key: ``set({"protocol.reuse": 5})``, ``set(d=100)``."""
        settings, own = self._own.taken({**(keys or {}), **more})
        return self._of(self._file, self._origin, self._changes + _changes(settings), self._axes, self._quick, own)

    def sweep(self, key: str, values: Iterable[object] | None = None, **axis: object) -> Experiment:
        """The same with one more axis: values, ``log={"from": .., "to": .., "count": ..}`` or ``linear=...``.

        >>> experiment = Experiment("z1", d=100, p=8, n="d", eta="p").sweep("n", ["d", "2*d"])
        >>> [point["n"] for point in experiment.points]
        [100, 200]
        """
        own = self._axes
        if own is None:
            own = tuple(json.loads(_native.table(self._file)).get("sweep", []))
        new: dict[str, object] = {"key": key, **axis}
        if values is not None:
            new["values"] = list(values)
        return self._of(self._file, self._origin, self._changes, (*own, new), self._quick, self._own)

    def to_toml(self) -> str:
        """The experiment file, every key with its value; a function of one's own has none."""
        return self._plan.toml()

    def share(self, lab: str = "http://127.0.0.1:8188") -> str:
        """An address that holds the experiment, for the page of whoever has a ``giantstep lab`` open at ``lab``.

        >>> experiment = Experiment("z1", d=100, p=8, n="d", eta="p")
        >>> Experiment.from_share(experiment.share()) == experiment
        True
        """
        deflate = zlib.compressobj(wbits=-15)
        packed = deflate.compress(self.to_toml().encode()) + deflate.flush()
        return f"{lab}/#train={base64.urlsafe_b64encode(packed).decode().rstrip('=')}"

    @classmethod
    def from_share(cls, address: str) -> Experiment:
        """The experiment that the address of the page holds: its Train part, or what ``share`` has made."""
        _, found, letters = address.partition("#train=")
        try:
            packed = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
            text = zlib.decompress(packed, wbits=-15).decode() if found else ""
        except (ValueError, zlib.error):
            text = ""
        if not text:
            raise _native.ExperimentError(f"{address!r} holds no experiment: an address of the page has `#train=` and letters after it")
        return cls.from_toml(text)

    @property
    def points(self) -> list[dict[str, Any]]:
        """The points of the sweep: settings, sizes as numbers, seeds, engine."""
        return self.cost()

    def cost(self, *, threads: int | None = None) -> list[dict[str, Any]]:
        """What one run of each point takes: flops and bytes, on the engine taken and on the other one."""
        return json.loads(self._plan.points(threads_of(threads)))  # type: ignore[no-any-return]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Experiment) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        if self._own == _Own():
            return (self.to_toml(),)
        return self._file, self._changes, repr(self._axes), self._quick, self._own

    def __repr__(self) -> str:
        points = self.points
        first = points[0]
        more = f", {len(points)} points" if len(points) > 1 else ""
        return f"<Experiment d={first['d']} p={first['p']} n={first['n']} steps={first['steps']}{more}>"

    def __reduce__(self) -> tuple[object, ...]:
        return Experiment._of, (self._file, self._origin, self._changes, self._axes, self._quick, self._own)


def _changes(settings: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(f"{key}={_toml(value)}" for key, value in settings.items())


def keys() -> list[dict[str, Any]]:
    """Every key of an experiment with its section, default and meaning.

    >>> [key["default"] for key in keys() if (key["section"], key["name"]) == ("protocol", "reuse")]
    ['1']
    """
    return json.loads(_native.keys())  # type: ignore[no-any-return]


def schema() -> dict[str, Any]:
    """The JSON Schema of experiment files.

    >>> "protocol" in schema()["properties"]
    True
    """
    return json.loads(_native.schema())  # type: ignore[no-any-return]
