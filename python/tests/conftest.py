"""What the tests share."""

import signal

import pytest

import giantstep as gs


@pytest.fixture(autouse=True)
def interrupts():
    """Interrupts are heard: programs that a shell starts in the background begin with them ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def small() -> gs.Experiment:
    """Half a second of work on any machine."""
    return gs.Experiment("z1 + z1*z2", d=300, p=16, n="4*d", eta="p", steps=2, seeds=3)


@pytest.fixture(scope="session")
def many(small) -> gs.Experiment:
    """Minutes of work on two threads, in runs of some ten milliseconds, to be ended."""
    return small.set({"run.seeds": 3000})


@pytest.fixture(scope="session")
def long() -> gs.Experiment:
    """Hours of work, to be ended."""
    return gs.Experiment("z1 + z1*z2", d=1000, p=512, n=10**9, eta="p", steps=100, **{"run.engine": "direct"})
