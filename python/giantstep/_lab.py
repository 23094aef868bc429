"""The laboratory as a page in the browser."""

from __future__ import annotations

import html
import os
from types import TracebackType

from . import _native
from ._experiment import Experiment
from ._wait import threads_of


class Lab:
    """A laboratory that is open until it is closed, or the process ends; also a context manager.

    >>> opened = lab(browser=False)
    >>> opened  # doctest: +ELLIPSIS
    <Lab http://127.0.0.1:...>
    >>> opened.address in opened._repr_html_()
    True
    >>> opened.close()
    """

    def __init__(self, native: _native.Lab) -> None:
        self._native = native

    @property
    def address(self) -> str:
        """The address that lets a browser in."""
        return self._native.address

    def close(self) -> None:
        """Ends it, and the runs that it has under way."""
        self._native.close()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Lab {self.address}>"

    def _repr_html_(self) -> str:
        return f'<a href="{html.escape(self.address)}" target="_blank" rel="noopener">Giantstep in the browser</a>'


def lab(
    experiment: Experiment | None = None,
    folder: str | os.PathLike[str] = ".",
    *,
    port: int | None = None,
    browser: bool = True,
    threads: int | None = None,
) -> Lab:
    """Opens the laboratory as a page in the browser, with an experiment if one is given.

    Results folders below ``folder`` can be watched. The page is answered by this process, on a thread of its own; it runs the
    experiment as it is written. One with a sweep is not opened: run it, and watch its folder.

    >>> with lab(browser=False) as opened:
    ...     opened.address.startswith("http://127.0.0.1:")
    True
    """
    fragment = experiment.share().partition("#")[2] if experiment else ""
    return Lab(_native.Lab(os.fspath(folder), port, fragment, browser, threads_of(threads)))
