"""The document's cells and inline expressions, run in one kernel of this very Python."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..staging import RenderError, inline_code
from .parse import Cell, Inline

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CELL_LINE = re.compile(r"Cell In\[\d+\], line (\d+)")
_SOCKET_PATH = 80  # a Unix socket's path may have about 100 characters; longer, and the kernel listens on TCP
_TAIL = 12


class Session:
    """A running kernel: `run` a cell, `evaluate` an expression. Made by `session`."""

    def __init__(self, client: Any, name: str, deadline: float, limit: float) -> None:
        self._client, self._name, self._deadline, self._limit = client, name, deadline, limit

    def run(self, cell: Cell) -> list[Any]:
        """The outputs of one cell, as notebook nodes; RenderError with line and traceback if it fails."""
        code = cell.code.lstrip("\n")  # IPython does not count blank lines at the top
        first = cell.code_line + len(cell.code) - len(code)
        return self._execute(code, f"{self._name}:{cell.line}: {cell.name}", first)

    def evaluate(self, inline: Inline) -> str:
        """An inline expression as Markdown: what offers Markdown as it is, other values as typed."""
        where = f"{self._name}:{inline.line}: inline code"
        outputs = self._execute(inline_code(inline.code), where, inline.line)
        return next(str(one.data["text/markdown"]) for one in outputs if one.output_type == "execute_result")

    def _execute(self, code: str, where: str, first_line: int) -> list[Any]:
        from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._late(where)
        self._client.timeout = max(1, round(left))
        cell = _nodes().new_code_cell(code, id=f"cell-{len(self._client.nb.cells)}")
        self._client.nb.cells.append(cell)
        try:
            self._client.execute_cell(cell, len(self._client.nb.cells) - 1)
        except CellExecutionError as wrong:
            raise RenderError(_failure(where, first_line, wrong)) from None
        except CellTimeoutError:
            raise self._late(where) from None
        except DeadKernelError:
            raise RenderError(
                f"{where} ended the Python that ran it (memory, or a crash in a library)."
            ) from None
        return list(cell.outputs)

    def _late(self, where: str) -> RenderError:
        return RenderError(f"{where} was not done within the time limit of {self._limit:g} seconds.")


@contextlib.contextmanager
def session(folder: Path, name: str, timeout: float) -> Iterator[Session]:
    """A kernel of sys.executable working in `folder`, ended and forgotten on leaving.

    It needs no installed kernel specification, reads nobody's IPython configuration and leaves no history.
    """
    from nbclient import NotebookClient

    client = NotebookClient(
        _nodes().new_notebook(),
        km=_manager(folder),
        record_timing=False,
        startup_timeout=max(1, round(timeout)),
        shutdown_kernel="immediate",
    )
    deadline = time.monotonic() + timeout
    log = folder / ".kernel.log"
    with log.open("wb") as noise, contextlib.ExitStack() as stack:
        try:
            stack.enter_context(
                client.setup_kernel(
                    env=_environment(folder, name), cwd=str(folder), stdout=noise, stderr=noise, cleanup_kc=True
                )
            )
        except RuntimeError as wrong:  # nbclient says so when the kernel dies or never answers
            noise.flush()
            said = log.read_text("utf-8", errors="replace").strip()[-1500:]
            raise RenderError(f"{name}: no Python kernel could be started: {wrong}. {said}") from None
        yield Session(client, name, deadline, timeout)


def _nodes() -> Any:
    """nbformat's makers of notebooks and cells, which carry no types."""
    from nbformat import v4

    return v4


def _manager(folder: Path) -> Any:
    from ipykernel.kernelspec import make_ipkernel_cmd
    from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager

    class ThisPython(KernelSpecManager):
        """The one kernel there is: the Python that runs this."""

        def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
            return KernelSpec(argv=make_ipkernel_cmd(), display_name="Python", language="python")

    manager = AsyncKernelManager(
        kernel_name="python3",
        kernel_spec_manager=ThisPython(),
        connection_file=str(folder / ".kernel.json"),
    )
    if os.name == "posix" and len(str(folder)) < _SOCKET_PATH:
        manager.transport, manager.ip = "ipc", str(folder / ".kernel")
    return manager


def _environment(folder: Path, name: str) -> dict[str, str]:
    return {
        **os.environ,
        "QUARTO_DOCUMENT_PATH": str(folder),  # results then show themselves as Markdown, as under Quarto
        "QUARTO_DOCUMENT_FILE": name,
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "IPYTHONDIR": str(folder / ".ipython"),
        "PYTHONHASHSEED": "0",  # the order of a set must not change the page
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }


def _failure(where: str, first_line: int, wrong: Any) -> str:
    """Label, line of the .qmd, the error, and the end of its traceback."""
    text = _ANSI.sub("", str(wrong.traceback)).strip()
    inside = _CELL_LINE.findall(text)
    line = f" at line {first_line + int(inside[-1]) - 1}" if inside else ""
    tail = "\n".join(f"    {one}" for one in text.split("\n")[-_TAIL:])
    return f"{where} failed{line} with {wrong.ename}: {_ANSI.sub('', str(wrong.evalue))}\n{tail}"
