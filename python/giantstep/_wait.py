"""Waiting for work: the main thread looks for signals, draws the bar and calls back, a while at a time."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Literal

from . import _native

Show = bool | Literal["auto"]

#: Seconds between looks; a signal is answered within about as much.
WHILE = 0.05
#: Seconds that stopped runs get to hand over the finished steps of those under way; what is finished is handed over anyway.
GRACE = 0.1
#: Seconds before a bar appears.
PATIENCE = 0.5


def threads_of(threads: int | None) -> int:
    """The threads that were asked for, or all that this process may keep busy."""
    if threads is None:
        affinity = getattr(os, "sched_getaffinity", None)
        return len(affinity(0)) if affinity else os.cpu_count() or 1
    if threads < 1:
        raise _native.GiantstepError(f"threads = {threads}: at least 1, or None for all")
    return threads


class _Bar:
    """A bar of tqdm where it is installed, and somebody looks on."""

    def __init__(self, show: Show) -> None:
        wanted = sys.stderr.isatty() or "ipykernel" in sys.modules if show == "auto" else show
        self._new: Any = None
        self._bar: Any = None
        self._task = ""
        self._begun = time.monotonic()
        if wanted:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self._new = tqdm

    def show(self, task: str, done: int, of: int) -> None:
        if self._new is None or not task or time.monotonic() - self._begun < PATIENCE:
            return
        if task != self._task:
            self.close()
            form = "{l_bar}{bar}| {elapsed}<{remaining}"
            self._bar = self._new(total=max(of, 1), desc=task, bar_format=form, leave=False)
            self._task = task
        self._bar.total = max(of, 1)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def finished(
    work: _native.Work,
    *,
    progress: Show = False,
    on_step: Callable[[dict[str, Any]], object] | None = None,
    grace: float = 0.0,
) -> Any:
    """What came of the work; whatever is raised meanwhile ends it, and carries the runs that are finished as ``.results``, with the
    finished steps of the others if they end within so many seconds of ``grace``."""
    bar = _Bar(progress)

    def look() -> None:
        if on_step is not None:
            for step in work.steps():
                on_step(json.loads(step))
        bar.show(*work.progress())

    try:
        while not work.wait(WHILE):
            look()
        look()
        return work.result()
    except BaseException as error:
        work.stop()
        if grace > 0:
            try:
                half = work.result() if work.wait(grace) else work.finished()
                if isinstance(half, _native.Results):
                    error.results = half  # type: ignore[attr-defined]
            except (Exception, KeyboardInterrupt):
                pass
        raise
    finally:
        bar.close()
