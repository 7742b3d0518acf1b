"""Prepared derivatives: recorded once, replayed at many points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._backends.base import Compiled
from .errors import ShapeError, StaleTapeError, UnknownNameError, UnsupportedError
from .tape import Tracer, record_many, untraced
from .tape.memory import collector_paused
from .tape.replay.arrays.buffers import ArrayProgram
from .tape.replay.entry import MISS, Results, from_arrays, from_library, from_native, from_source
from .tape.replay.numbers.columns import ColumnProgram
from .tape.replay.numbers.columns import fits as fits_columns
from .tape.replay.numbers.scalars import ScalarProgram, scalar_program
from .tape.replay.program import Program, program
from .tape.replay.signature import (
    NESTS,
    Leaf,
    Signature,
    leaves_of,
    signature_of,
    structure_of,
    unflatten,
)
from .tape.replay.watching import watch

PLANS = ("source", "native", "machine", "arrays", "eager")
NATIVE_FROM = 100  # operations from which the native loop, if installed, beats generated source
SOURCE_UP_TO = 100_000  # operations that Python compiles within half a second
KEPT = 8  # recordings that are kept, for branches and shapes that come back

ValueAnd = Callable[..., tuple[Any, Any]]


@dataclass(frozen=True)
class Plan:
    """How a prepared derivative is computed.

    Replays have the bits of the operations that were recorded. There are two exceptions. Sines and
    cosines of arrays of 65536 elements and more, where Numba is installed (the extra ``fast``),
    are computed several at a time, with an error below 0.8 units in the last place, as that of the
    C library nearly is; results may then differ from those of the operator by a few such units.
    And ``"machine"``, which has to be asked for, takes sums in another order, squares as products,
    quotients by one number as products with its reciprocal, rounds a product and a sum at once, and
    computes exponentials and the like of arrays eight at a time, with errors of a few such units.

    Attributes:
        name: ``"source"``, generated Python on floats; ``"native"``, a compiled loop over the
            operations, of which machine code is made after many calls; ``"machine"``, machine code
            at once, of arrays too: small ones are taken apart into numbers, and of others many
            operations are done in one pass. It takes a tenth of a second and more to make, and is
            the fastest where calls are many;
            ``"arrays"``, NumPy into buffers that are used again, and after many calls several of
            its operations in one pass of machine code; or ``"eager"``, the backend called anew
            each time.
        operations: the operations of a replay; 0 for "eager".
        reason: why it was chosen.
    """

    name: str
    operations: int
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.operations} operations): {self.reason}"


@dataclass(frozen=True, eq=False)
class _Recording:
    """One recording and the plan made of it."""

    plan: Plan
    signature: Signature
    results: Results
    run: Callable[..., Any]
    scalars: ScalarProgram | None
    native: Any


class Prepared:
    """A derivative of one function, prepared for many points.

    Calling it gives what the operator gives. What was recorded is checked at each call: at a point
    where the function takes another branch, or for arguments of another shape, dtype, structure or
    (for those that are not made of floats) value, it records again. Arrays that the function takes
    from elsewhere are watched for changes; other values that it takes from elsewhere (a global
    number, the state of a random generator) are those of the recording.

    Attributes:
        on_change: "record", or "raise" to raise StaleTapeError instead of recording again.
    """

    def __init__(
        self,
        value_and: ValueAnd,
        replayed: ValueAnd | None,
        compiling: Compiling | None,
        arguments: Sequence[Any] | None,
        active: set[int],
        with_value: bool,
        plan: str | None,
        on_change: str,
        name: str,
    ) -> None:
        if on_change not in ("record", "raise"):
            raise UnknownNameError("on_change", on_change, ("record", "raise"))
        if plan is not None and plan not in PLANS:
            raise UnknownNameError("plan", plan, PLANS)
        self.__name__ = f"prepared_{name}"
        self.on_change = on_change
        self._value_and = value_and
        self._replayed = replayed
        self._compiling = compiling
        self._active = active
        self._with_value = with_value
        self._forced = plan
        self._recordings: list[_Recording] = []
        self._misses = 0
        self._plan = Plan("eager", 0, "nothing was recorded yet")
        self._run: Callable[..., Any] = _never
        if arguments is not None:
            self._record(arguments, self._value_and(*arguments))

    def __call__(self, *arguments: Any) -> Any:
        """The derivative at a point: ``g(x, *args)``; for jvp, vjp and hvp ``g(x, v, *args)``."""
        try:
            y = self._run(*arguments)
        except TypeError:  # another number of arguments, for instance
            y = MISS
        return self._again(arguments) if y is MISS else y

    @property
    def plan(self) -> Plan:
        """The plan of the recording that was used last."""
        return self._plan

    @property
    def recordings(self) -> int:
        """The number of recordings that are kept."""
        return len(self._recordings)

    def batch(self, points: Any, *rest: Any) -> Any:
        """The derivatives at many points.

        Args:
            points: the points, stacked along a first axis; of a nest, each leaf is.
            rest: the other arguments, the same for all points.

        Returns:
            The derivatives, stacked along a first axis.

        Raises:
            ShapeError: there is no point, or leaves hold different numbers of them.
        """
        leaves = [np.asarray(v) for v in leaves_of(points)]
        counts = {len(v) if v.ndim else None for v in leaves}
        if len(counts) != 1 or None in counts or counts == {0}:
            raise ShapeError(
                f"batch needs points that are stacked along a first axis, got shapes "
                f"{[v.shape for v in leaves]}"
            )
        m = len(leaves[0])
        first = self._point(points, leaves, 0)
        self(first, *rest)
        found: list[Any] = [None] * m
        current = self._recordings[0] if self._recordings else None
        if current is not None and current.run is self._run and current.scalars is not None:
            together = _Columns(current, leaves, rest)
            if together.fits():
                return together.derivatives(
                    lambda k: self(self._point(points, leaves, k), *rest), m
                )
        for k in range(m):
            found[k] = self(self._point(points, leaves, k), *rest)
        return _stacked(found)

    def _point(self, points: Any, leaves: list[Any], k: int) -> Any:
        if not isinstance(points, NESTS):
            point = leaves[0][k]
            return float(point) if leaves[0].ndim == 1 and point.dtype.kind in "iu" else point
        return unflatten(structure_of(points), [v[k] for v in leaves])

    def __repr__(self) -> str:
        return f"<{self.__name__}: {self.plan}>"

    def __deepcopy__(self, memo: Any) -> Prepared:
        return self  # what it keeps does not show

    def __copy__(self) -> Prepared:
        return self

    def __reduce__(self) -> Any:
        raise TypeError(
            "a prepared derivative cannot be pickled; call diffkit.prepare in the process that "
            "uses it"
        )

    # Recording

    def replay(self, *arguments: Any) -> Any:
        """What a recording that is kept gives, or MISS where none holds; nothing is recorded."""
        for known in self._recordings:
            if len(arguments) == len(known.signature.arguments):
                try:
                    y = known.run(*arguments)
                except TypeError:  # an argument is of a kind that was not met before
                    continue
                if y is not MISS:
                    self._use(known)
                    return y
        return MISS

    def _again(self, arguments: tuple[Any, ...]) -> Any:
        """The answer where the recording at hand does not hold."""
        y = self.replay(*arguments)
        if y is not MISS:
            return y
        value, derivative = self._value_and(*arguments)  # an error of the user's is raised here
        if _is_recorded(arguments):
            return (value, derivative) if self._with_value else derivative
        if self.on_change == "raise" and self._recordings:
            raise StaleTapeError(
                "what was recorded does not hold for these arguments: the function takes another "
                "branch, or a shape, dtype, structure or constant differs; prepare it for them, "
                "or use on_change='record'"
            )
        self._misses += 1
        # Where every point is another branch, recording each would cost more than it can save.
        if self._misses <= KEPT or self._misses & (self._misses - 1) == 0:
            self._record(arguments, (value, derivative))
        return (value, derivative) if self._with_value else derivative

    def _use(self, recording: _Recording) -> None:
        if self._run is recording.run:
            return
        others = [known for known in self._recordings if known is not recording]
        self._recordings = [recording, *others][:KEPT]  # at once: other threads read it
        self._run = recording.run
        self._plan = recording.plan

    def _record(self, arguments: Sequence[Any], result: tuple[Any, Any]) -> None:
        """Record the derivative at a point where its result is known."""
        reason = self._obstacle(arguments)
        if reason is None:
            try:
                with collector_paused():
                    recording = self._recorded(arguments, result)
            except _CannotReplay as error:
                reason = str(error)
        if reason is not None:
            if self._forced not in (None, "eager"):
                raise UnsupportedError(f"plan={self._forced!r} is not possible: {reason}")
            if not self._recordings:
                self._plan = Plan("eager", 0, reason)
            return
        self._use(recording)

    def _obstacle(self, arguments: Sequence[Any]) -> str | None:
        if self._forced == "eager":
            return "it was asked for"
        if self._replayed is None and self._compiling is None:
            return "this backend calls the function itself at every point"
        if _is_recorded(arguments):
            return "the point itself is being recorded"
        return None

    def _recorded(self, arguments: Sequence[Any], result: tuple[Any, Any]) -> _Recording:
        if self._compiling is not None:
            return self._compiled(self._compiling, arguments, result)
        value, derivative = result
        leaves = [value, *leaves_of(derivative)]
        for others in (True, False):
            try:
                signature = signature_of(arguments, self._active, others)
                made = self._program(signature, arguments).watching()
                if _agree([made.nodes[k].value for k in made.outputs], leaves):
                    break
                error = "it gives something else while it is recorded, or at each call"
            except Exception as found:  # whatever the function says to tracers for constants
                error = str(found)
            # A constant may be needed as it is, as the number of a loop's steps for instance.
            if not others:
                raise _CannotReplay(f"it cannot be recorded: {error}")
        return _planned(made, signature, self._results(result), self._forced)

    def _compiled(
        self, compiling: Compiling, arguments: Sequence[Any], result: tuple[Any, Any]
    ) -> _Recording:
        if self._forced is not None:
            raise _CannotReplay(f"{compiling.name} computes it")
        for others in (True, False):
            try:
                signature = signature_of(arguments, self._active, others)
                made, call = compiling(signature, arguments)
                found = call(signature.inputs(arguments))
                if found is not None and _agree(found, [result[0], *leaves_of(result[1])]):
                    break
                error = "it gives something else once it is made ready"
            except Exception as problem:  # whatever the function says to the library's arrays
                error = str(problem)
            if not others:
                raise _CannotReplay(f"{compiling.name} cannot prepare it: {error}")
        results = self._results(result)
        run = from_library(call, signature, results, made.unchanged)
        plan = Plan(compiling.name, made.operations, made.how)
        return _Recording(plan, signature, results, run, None, None)

    def _results(self, result: tuple[Any, Any]) -> Results:
        value, derivative = result
        return Results(
            tuple([Leaf(type(v), v, constant=False) for v in (value, *leaves_of(derivative))]),
            structure_of(derivative) if isinstance(derivative, NESTS) else None,
            self._with_value,
        )

    def _program(self, signature: Signature, arguments: Sequence[Any]) -> Program:
        replayed = self._replayed
        assert replayed is not None

        def derivative(*inputs: Any) -> list[Any]:
            value, g = replayed(*signature.arguments_with(inputs))
            return [value, *leaves_of(g)]

        with np.errstate(all="ignore"):  # the backend has warned
            rows, values, places = record_many(derivative, signature.inputs(arguments))
        if not rows.replayable:
            raise _CannotReplay("a derivative met a NaN, or a value was written as text")
        return program(rows, values, places)


@dataclass(frozen=True)
class Compiling:
    """How another library is given a function to prepare.

    Attributes:
        compiled: ``Backend.compiled`` for the operator.
        f: the user's function.
        active: the places of the arguments that are differentiated, in the order of the
            derivatives.
        vectors: whether the argument at place 1 is a tangent or cotangent.
        name: what the backend is called.
    """

    compiled: Callable[..., Compiled | None]
    f: Callable[..., Any]
    active: tuple[int, ...]
    vectors: bool
    name: str

    def __call__(
        self, signature: Signature, arguments: Sequence[Any]
    ) -> tuple[Compiled, Callable[[Sequence[Any]], list[Any] | None]]:
        """What the backend made, and the same as a function of the inputs of a signature."""
        owners = [k for k, a in enumerate(signature.arguments) for v in a.leaves if not v.constant]
        x = [n for k in self.active for n, owner in enumerate(owners) if owner == k]
        vector = [n for n, owner in enumerate(owners) if self.vectors and owner == 1]
        others = [n for n in range(len(owners)) if n not in {*x, *vector}]
        example = signature.inputs(arguments)

        def of_leaves(*leaves: Any) -> Any:
            inputs = [*example]
            for n, value in zip((*x, *others), leaves, strict=True):
                inputs[n] = value
            given = signature.arguments_with(inputs)
            return self.f(*given[:1], *given[1 + self.vectors :])

        pick = lambda inputs, places: tuple([inputs[n] for n in places])  # noqa: E731
        made = self.compiled(of_leaves, pick(example, x), pick(example, others))
        if made is None:
            raise _CannotReplay("each point is a new beginning for it")

        def call(inputs: Sequence[Any]) -> list[Any] | None:
            return made.call(pick(inputs, x), pick(inputs, vector), pick(inputs, others))

        return made, call


class _CannotReplay(Exception):
    """A recording would not compute the derivative at other points."""


def _is_recorded(arguments: Sequence[Any]) -> bool:
    """Whether a derivative of the derivative is being taken."""
    return any(type(v) is Tracer for a in arguments for v in leaves_of(a))


def _agree(recorded: Sequence[Any], computed: Sequence[Any]) -> bool:
    """Whether what was recorded is what the backend computed, up to rounding."""
    pairs = [(untraced(a), untraced(b)) for a, b in zip(recorded, computed, strict=True)]
    scale = max([float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b))) for _, b in pairs])
    return all(
        np.shape(a) == np.shape(b) and np.allclose(a, b, 1e-6, 1e-6 * scale, equal_nan=True)
        for a, b in pairs
    )


def _never(*arguments: Any) -> Any:
    return MISS


def _planned(
    made: Program, signature: Signature, results: Results, forced: str | None
) -> _Recording:
    scalars = scalar_program(made)
    unchanged = watch(made)
    if forced == "machine":
        scalars, native, reason = _machine_code(made, scalars)
        name = "machine"
    else:
        name, native, reason = _choose(scalars, forced)
    if name == "source":
        assert scalars is not None
        run = from_source(scalars, signature, results, unchanged)
    elif type(native) is ArrayProgram:
        run, native = from_arrays(native, signature, results, unchanged), None
    elif name in ("native", "machine"):
        run = from_native(native, signature, results, unchanged)
    else:
        run = from_arrays(ArrayProgram(made), signature, results, unchanged)
    operations = len(made) if name == "arrays" or scalars is None else len(scalars.steps)
    plan = Plan(name, operations, reason)
    return _Recording(plan, signature, results, run, scalars, native)


def _machine_code(
    made: Program, scalars: ScalarProgram | None
) -> tuple[ScalarProgram | None, Any, str]:
    """The program on numbers that is made machine code, and what it has become; or none, and a
    program on arrays."""
    from .tape.replay.numbers import native
    from .tape.replay.numbers.apart import taken_apart
    from .tape.replay.numbers.rearranged import rearranged
    from .tape.replay.rows import by_rows

    reason = "it was asked for"
    if scalars is None:
        scalars = taken_apart(made)
        reason += "; its arrays are taken apart into numbers"
    if scalars is None:
        by_row = by_rows(made)
        arrays = ArrayProgram(by_row, hot=True)
        if not arrays.hot and by_row is made:
            raise _CannotReplay("it operates on whole arrays")
        return None, arrays, "it was asked for; many operations on its arrays are one pass"
    scalars = rearranged(scalars)
    compiled = native.compile(scalars)
    if compiled is None:
        raise _CannotReplay(str(native.obstacle(scalars)))
    compiled.heat(contracted=True)
    _require_agreement(made, compiled)
    return scalars, compiled, reason


def _require_agreement(made: Program, compiled: Any) -> None:
    """Refuse machine code that does not give what was recorded, but for rounding."""
    point = [made.nodes[k].value for k in range(made.inputs)]
    found = compiled(np.concatenate([np.ravel(v) for v in point]))
    recorded = np.concatenate([np.ravel(made.nodes[k].value) for k in made.outputs])
    if found is None or not np.allclose(found, recorded, rtol=1e-6, atol=1e-9, equal_nan=True):
        raise _CannotReplay("as machine code it does not give what was recorded")


def _choose(scalars: ScalarProgram | None, forced: str | None) -> tuple[str, Any, str]:
    """The plan, the native program where it takes one, and the reason."""
    if scalars is None:
        if forced in ("source", "native"):
            raise _CannotReplay("it operates on whole arrays")
        return "arrays", None, "it operates on whole arrays"
    if forced in ("source", "arrays"):
        return forced, None, "it was asked for"
    size, needed = len(scalars.steps), forced == "native"
    if needed or size >= NATIVE_FROM:
        native, obstacle = _native(scalars, needed)
        if native is not None:
            return "native", native, "a long program on numbers"
        if needed:
            raise _CannotReplay(obstacle)
    else:
        obstacle = "a short program on numbers"
    return ("source" if size <= SOURCE_UP_TO else "arrays"), None, obstacle


def _native(scalars: ScalarProgram, needed: bool) -> tuple[Any, str]:
    from .tape.replay.numbers import native

    if not needed and not native.available():
        return None, "a program on numbers (pip install 'diffkit[fast]' for a native loop)"
    made = native.compile(scalars)
    return made, "a program on numbers" if made is not None else str(native.obstacle(scalars))


class _Columns:
    """Many points at once, for a program on numbers."""

    def __init__(self, recording: _Recording, leaves: list[Any], rest: Any) -> None:
        self.recording = recording
        self.points = leaves
        self.rest = rest

    def fits(self) -> bool:
        """Whether the leaves of the points are the first inputs of the program."""
        argument = self.recording.signature.arguments[0]
        scalars = self.recording.scalars
        assert scalars is not None
        if any(leaf.constant for leaf in argument.leaves):
            return False
        return self.recording.native is not None or fits_columns(scalars)

    def derivatives(self, one_by_one: Callable[[int], Any], m: int) -> Any:
        """The derivatives of all points; those for which the recording does not hold are computed
        one by one."""
        recording = self.recording
        inputs = [np.asarray(v, float).reshape(m, -1) for v in self.points]
        others = recording.signature.inputs((recording.signature.arguments_with(
            [leaf.value for leaf in recording.signature.leaves])[0], *self.rest))  # fmt: skip
        count = len(inputs)
        inputs += [
            np.broadcast_to(np.reshape(v, (1, -1)), (m, int(np.size(v)))) for v in others[count:]
        ]
        table = np.concatenate(inputs, axis=1)
        assert recording.scalars is not None
        if recording.native is not None:
            values, good = recording.native.batch(table)
        else:
            values, good = ColumnProgram(recording.scalars)(table)
        good &= np.isfinite(values).all(axis=1) & np.isfinite(table).all(axis=1)
        return self._assembled(values, good, one_by_one, m)

    def _assembled(self, values: Any, good: Any, one_by_one: Any, m: int) -> Any:
        results = self.recording.results
        missing = np.flatnonzero(~good).tolist()
        single = {k: one_by_one(k) for k in missing}
        parts, at = [], 0
        for leaf in results.leaves:
            part = values[:, at : at + leaf.size].reshape(m, *leaf.shape)
            at += leaf.size
            parts.append(np.ascontiguousarray(part))
        for k, y in single.items():
            own = _all_leaves(y, results)
            for part, leaf in zip(parts[len(parts) - len(own) :], own, strict=True):
                part[k] = leaf
        value, *rest = parts
        derivative = rest[0] if results.structure is None else unflatten(results.structure, rest)
        return (value, derivative) if results.with_value else derivative


def _all_leaves(y: Any, results: Results) -> list[Any]:
    if results.with_value:
        return [y[0], *leaves_of(y[1])]
    return leaves_of(y)


def _stacked(found: list[Any]) -> Any:
    """Results stacked along a first axis, leaf by leaf."""
    if not isinstance(found[0], NESTS):
        return np.stack(found)
    import optree

    return optree.tree_map(lambda *leaves: np.stack(leaves), *found)
