"""Every error that diffkit raises on purpose, under one base class.

A message says what was given, what was expected and what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterable

from ._escape import terminal


class DiffkitError(Exception):
    """Base class of all errors raised by diffkit."""


class UnknownNameError(DiffkitError, KeyError):
    """A backend, problem, experiment or operator of that name does not exist."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        self.kind, self.name, self.known = kind, name, sorted(known)
        super().__init__(self._message())

    def _message(self) -> str:
        import difflib  # late, as it takes long to import

        # What is longer than any name is near to none, and takes long to compare.
        near = difflib.get_close_matches(str(self.name)[:80], self.known, n=1, cutoff=0.5)
        known = ", ".join(map(terminal, self.known))
        hint = f"did you mean {near[0]!r}?" if near else f"known: {known}"
        return f"unknown {self.kind} {_shortened(repr(self.name))}; {hint}"

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return self._message()


class MissingPackageError(DiffkitError, ImportError):
    """An optional package is needed; ``install`` is the line that installs it."""

    def __init__(self, needed_for: str, package: str, extra: str | None = None) -> None:
        self.package = package
        self.install = f"pip install 'diffkit[{extra}]'" if extra else f"pip install {package}"
        super().__init__(f"{needed_for} needs {package}, which is not installed; {self.install}")


class ShapeError(DiffkitError, ValueError):
    """An array has a shape that the operator cannot use."""


class SparsityError(DiffkitError, ValueError):
    """A sparsity pattern that was given misses elements that are not zero."""


class NonNumericError(DiffkitError, TypeError):
    """An input or a result is not made of real or complex numbers."""


class NonFiniteError(DiffkitError, ArithmeticError):
    """A point or a function value is NaN or infinite."""


class DomainError(NonFiniteError):
    """The function has no finite value at the point: it lies outside the domain."""


class StepError(DiffkitError, ValueError):
    """A finite-difference step is too small to move the point."""


class TracerConversionError(DiffkitError, TypeError):
    """A traced value would have become a plain number, losing its derivative."""


class MissingRuleError(DiffkitError, NotImplementedError):
    """A NumPy function was called on a traced value and has no derivative rule."""


class StaleTapeError(DiffkitError, RuntimeError):
    """A tape was replayed where the function takes another branch than the recorded one."""


class ChangedConstantError(DiffkitError, RuntimeError):
    """A plain array that a recording refers to was changed before the sweep."""


class UnsupportedError(DiffkitError, NotImplementedError):
    """A backend cannot do what was asked of it."""


class NotCertifiableError(UnsupportedError):
    """No enclosure can be proved; the message names the operation that is in the way."""


class UndecidableError(DiffkitError, ArithmeticError):
    """A comparison cannot be settled: the point is at a branch, a jump, a kink or a tie."""


class ExpressionError(DiffkitError, ValueError):
    """A typed expression is not one that diffkit reads; the message marks the place.

    Attributes:
        reason: what is wrong.
        text: what was typed.
        position: the index in the text at which it goes wrong; its length for the end.
        hint: what to type instead; may be empty.
    """

    def __init__(self, reason: str, text: str, position: int, hint: str = "") -> None:
        self.reason, self.text, self.position, self.hint = reason, text, position, hint
        super().__init__(reason, text, position, hint)  # all of them, so that it can be pickled

    def __str__(self) -> str:
        hint = f"; {self.hint}" if self.hint else ""
        where = f" (character {self.position + 1})" if self.text else ""
        return f"{self.reason}{where}{hint}{self.excerpt}"

    @property
    def excerpt(self) -> str:
        """The text around the place, and below it a caret: two lines, after a line's end.

        What a terminal would act on stands as an escape, and one character has one column.
        """
        if not self.text:
            return ""
        start, stop = max(0, self.position - _BEFORE), self.position + _AFTER
        before, after = (
            "".join(map(_column, part))
            for part in (self.text[start : self.position], self.text[self.position : stop])
        )
        before = "…" * (start > 0) + before
        after += "…" * (stop < len(self.text))
        return f"\n  {before}{after}\n  {' ' * len(before)}^"


# How much of a typed expression an error shows on either side of the place.
_BEFORE, _AFTER = 48, 24


def _column(character: str) -> str:
    """The character, or its escape where it would not take one column from left to right."""
    import unicodedata

    if character.isascii():
        return terminal(character)
    plain = (
        character.isprintable()
        and not unicodedata.combining(character)
        and unicodedata.category(character)[0] != "M"
        and unicodedata.east_asian_width(character) not in "WF"
        and unicodedata.bidirectional(character) not in ("R", "AL", "AN")
    )
    return character if plain else character.encode("unicode_escape").decode("ascii")


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"


class PointError(DiffkitError, ValueError):
    """A typed point is not one, or not one of the function."""


class OwnCodeError(DiffkitError, ImportError):
    """A function of the user's own, named as module:function or file.py:function, is not there."""


class OutputError(DiffkitError, OSError):
    """A report could not be written."""


class StoreError(OutputError):
    """A store of results is in use, damaged, of another version, or cannot be written to."""


class ExperimentError(DiffkitError):
    """The code of an experiment is at fault: its file, its cells or its figures."""


class BackendError(DiffkitError, RuntimeError):
    """A backend that another package offers cannot be used; its package is at fault.

    Attributes:
        name: of the backend.
        package: that offers it.
    """

    def __init__(self, name: str, package: str, reason: str) -> None:
        self.name, self.package, self.reason = name, package, reason
        super().__init__(name, package, reason)  # all of them, so that it can be pickled

    def __str__(self) -> str:
        return f"backend {self.name!r} of the package {self.package} cannot be used: {self.reason}"


class GuardError(DiffkitError, RuntimeError):
    """A task cannot be handed to a guard; what a task itself does is never an error."""


class ClusterError(DiffkitError, RuntimeError):
    """Workers elsewhere cannot be reached, are not fit for the work, or were lost."""


class GradientError(DiffkitError, AssertionError):
    """A gradient that was required to be right is not, or cannot be told to be."""


class DerivativeWarning(UserWarning):
    """A derivative was estimated, and something speaks against it: a kink, or noise."""
