"""Programs on numbers at many points at once: one array operation for all points."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...recording import GUARD
from .scalars import ScalarProgram
from .source import on_columns, statements

CHUNK = 4096  # points at a time, so that what is computed stays in the cache


def fits(program: ScalarProgram) -> bool:
    """Whether each operation, given one element a point, computes each point by itself."""
    return all(
        step.rule is GUARD or step.rule.elementwise or isinstance(step.rule.fn, np.ufunc)
        for step in program.steps
    )


class ColumnProgram:
    """A program on numbers as a function of a table of points."""

    def __init__(self, program: ScalarProgram) -> None:
        body = on_columns(program)
        lines, names = statements(
            body, program, ["logical_and(ok, {}, ok)", "logical_and(ok, logical_not({}), ok)"]
        )
        inputs = sum(int(np.prod(shape)) for shape in program.shapes)
        outputs = [names[k] for table in program.outputs for k in table.ravel().tolist()]
        text = "\n".join([
            "def columns(x, y, ok):",
            *[f"    v{k} = x[{k}]" for k in range(inputs)],
            *[f"    {line}" for line in lines],
            *[f"    y[:, {k}] = {name}" for k, name in enumerate(outputs)],
        ])  # fmt: skip
        scope = body.bound | {"logical_not": np.logical_not, "logical_and": np.logical_and}
        exec(compile(text, "<prepared columns>", "exec"), scope)
        self._columns = scope["columns"]
        self._outputs = len(outputs)

    def __call__(self, table: Any) -> tuple[Any, Any]:
        """The results at each point, and whether the recorded branches are taken there.

        Args:
            table: shape (points, inputs).

        Returns:
            Shapes (points, results) and (points,).
        """
        results = np.empty((len(table), self._outputs))
        ok = np.ones(len(table), bool)
        with np.errstate(all="ignore"):  # points whose results are not finite are done again
            for at in range(0, len(table), CHUNK):
                part = slice(at, at + CHUNK)
                columns = np.ascontiguousarray(table[part].T)
                self._columns(columns, results[part], ok[part])
        return results, ok
