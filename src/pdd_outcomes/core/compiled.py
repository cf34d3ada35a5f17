"""Loops as machine code, in one thread; kept beside the package, or made again where that is read-only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., Any])


def compiled(loop: Loop) -> Loop:
    """The loop as machine code, with its Python signature kept for the type checker."""
    try:
        return cast(Loop, njit(cache=True)(loop))
    except RuntimeError:  # nowhere to keep the compiled code: it is then made again in each process
        return cast(Loop, njit(loop))
