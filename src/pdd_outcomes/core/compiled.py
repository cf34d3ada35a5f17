"""Loops as machine code, in one thread; kept beside the package, or made again where that is read-only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., Any])


_ANY_ORDER = {"reassoc", "contract"}  # not "fast": infinities and NaN keep their meaning


def compiled(loop: Loop) -> Loop:
    """The loop as machine code, with its Python signature kept for the type checker."""
    return _compile(loop, set())


def compiled_in_any_order(loop: Loop) -> Loop:
    """As `compiled`, with additions in whatever order is fastest, so that several are done at a time."""
    return _compile(loop, _ANY_ORDER)


def _compile(loop: Loop, allowed: set[str]) -> Loop:
    try:
        return cast(Loop, njit(cache=True, fastmath=allowed)(loop))
    except RuntimeError:  # nowhere to keep the compiled code: it is then made again in each process
        return cast(Loop, njit(fastmath=allowed)(loop))


@contextmanager
def one_thread() -> Iterator[None]:
    """Matrix products in one thread: on blocks that fit a cache a second one waits more than it works."""
    global _libraries
    if _libraries is None:
        from threadpoolctl import ThreadpoolController

        _libraries = ThreadpoolController()
    with _libraries.limit(limits=1, user_api="blas"):
        yield


_libraries: Any = None  # found once a process: to look for them costs more than a small fit
