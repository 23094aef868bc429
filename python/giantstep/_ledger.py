"""The claims of the theory, each beside a counter-claim that the same rule must reject."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from . import _native
from ._wait import Show, finished, threads_of


def claims(
    names: str | Iterable[str] | None = None,
    *,
    quick: bool = True,
    threads: int | None = None,
    progress: Show = "auto",
) -> list[dict[str, Any]]:
    """Measures claims of the ledger, all of them without names (quick: two minutes on two cores).

    Each is a dict with its ``verdict`` and its ``checks``: what was measured, what was claimed, and the counter-claim that the
    same rule rejects.

    >>> (claim,) = claims("symmetric-pairs", progress=False)
    >>> claim["verdict"]
    'pass'
    """
    if isinstance(names, str):
        names = [names]
    work = _native.claims(None if names is None else list(names), quick, threads_of(threads))
    return json.loads(finished(work, progress=progress))  # type: ignore[no-any-return]
