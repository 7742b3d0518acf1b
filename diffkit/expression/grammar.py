"""The grammar of typed expressions: a Pratt parser that writes a straight-line program.

Operators and their precedence are those of Python (Pratt 1973, "Top down operator precedence"):
``-x**2`` is ``-(x**2)``, and ``x**y**z`` is ``x**(y**z)``. There are no attributes, indices,
assignments or texts, and a function can be called only where its name is in the vocabulary.
Nothing is executed while reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import ExpressionError
from . import limits
from .tokens import END, NAME, NUMBER, Token, tokens
from .vocabulary import (
    COMPARISON,
    CONSTANTS,
    FUNCTIONS,
    INFIX,
    INSTEAD,
    INVERSE,
    LOGICAL,
    NEGATIVE,
    NOT,
    POWER,
    WHERE,
    Operation,
    refusal,
)
from .vocabulary import SIGN as BINDING_OF_SIGN


class Step(NamedTuple):
    """A line of the program.

    Attributes:
        operation: what to do; the name of a variable or a constant, or a number.
        operands: the earlier lines that it is done to.
    """

    operation: Operation | str | float
    operands: tuple[int, ...] = ()


class _Part(NamedTuple):
    """What is known of a part that has been read.

    Attributes:
        line: the line that computes it.
        start: where it begins in the text.
        constant: its value, if it is constant; NaN where that does not exist.
        powers: the largest product of constant exponents from it down to a leaf.
        truth: whether it is a condition.
    """

    line: int
    start: int
    constant: float | None = None
    powers: float = 1.0
    truth: bool = False


def parse(text: str) -> tuple[Step, ...]:
    """The program of a typed expression; its last line is the value.

    Raises:
        ExpressionError: the text is not an expression, or too large a one.
        MissingPackageError: it uses a function of SciPy, which is not installed.
    """
    return _Parser(text).program()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.place = 0
        self.depth = 0
        self.operations = 0
        self.steps: list[Step] = []
        self.variables: set[str] = set()

    def program(self) -> tuple[Step, ...]:
        part = self.expression(0)
        token = self.tokens[self.place]
        if token.kind != END:
            raise self.unexpected(token)
        self.require_number(part)
        return tuple(self.steps)

    def expression(self, least: int) -> _Part:
        """Read operands joined by operators that bind at least so tightly."""
        left = self.operand()
        while True:
            token = self.tokens[self.place]
            operation = INFIX.get(token.text)
            if operation is None or operation.infix < least:
                return left
            self.place += 1
            left = self.joined(operation, left, token)

    def joined(self, operation: Operation, left: _Part, token: Token) -> _Part:
        if operation.infix == POWER:
            return self.power(operation, left, self.nested(BINDING_OF_SIGN, token), token)
        right = self.expression(operation.infix + 1)
        follower = self.tokens[self.place]
        chained = follower.text in INFIX and INFIX[follower.text].infix == COMPARISON
        if operation.infix == COMPARISON and chained:
            hint = "join two with 'and', as in 0 < x and x < 1"
            raise self.error("comparisons are not chained", follower.start, hint)
        for part in (left, right):
            if operation.infix < COMPARISON:
                self.require_condition(part)
            else:
                self.require_number(part)
        return self.applied(operation, [left, right], token)

    def operand(self) -> _Part:
        token = self.tokens[self.place]
        self.place += 1
        if token.kind == NUMBER:
            return self.number(token)
        if token.kind == NAME:
            return self.named(token)
        if token.text == "(":
            inside = self.nested(0, token)
            self.close(token)
            return inside._replace(start=token.start)
        if token.text in ("-", "+"):
            part = self.nested(BINDING_OF_SIGN, token)
            self.require_number(part)
            if token.text == "+":
                return part._replace(start=token.start)
            return self.applied(NEGATIVE, [part], token)
        raise self.missing(token)

    def nested(self, least: int, token: Token) -> _Part:
        """Read an expression one level deeper."""
        self.depth += 1
        if self.depth > limits.DEPTH:
            raise self.error(
                f"more than {limits.DEPTH} parentheses, calls, signs or powers inside each other",
                token.start,
            )
        part = self.expression(least)
        self.depth -= 1
        return part

    def number(self, token: Token) -> _Part:
        follower = self.tokens[self.place]
        end = token.start + len(token.text)
        if follower.kind in (NAME, NUMBER) and follower.start == end:
            raise self.after_number(token, follower)
        digits = sum(c.isdigit() for c in token.text)
        if digits > limits.DIGITS:
            raise self.error(f"a number has at most {limits.DIGITS} digits", token.start)
        if len(token.text) > 1 and token.text[0] == "0" and token.text[1].isdigit():
            raise self.error("a number does not begin with 0 and another digit", token.start,
                             f"write {token.text.lstrip('0') or '0'}")  # fmt: skip
        value = float(token.text)
        mantissa = token.text.lower().partition("e")[0]
        if value == float("inf") or (value == 0 and mantissa.strip("0.")):
            raise self.error("the number is outside the range of double precision", token.start)
        return self.leaf(value, token, value)

    def after_number(self, token: Token, follower: Token) -> ExpressionError:
        text, after = token.text, follower.text
        if after[0] == "_":
            hint = "write the digits without underscores"
        elif text == "0" and after[0] in "xXbBoO" and len(after) > 1:
            hint = "numbers are decimal"
        elif after in ("e", "E"):
            hint = f"write {text}*e, or an exponent with its digits, as in {text}e3"
        else:
            hint = f"write {text}*{after[: limits.NAME]}"
        return self.error("a number and a name without an operator between", follower.start, hint)

    def named(self, token: Token) -> _Part:
        name, follower = token.text, self.tokens[self.place]
        if name == "not":
            part = self.nested(NOT, token)
            self.require_condition(part)
            return self.applied(INVERSE, [part], token)
        if follower.text == "(" and name not in LOGICAL:
            return self.call(token)
        if name in CONSTANTS:
            return self.leaf(name, token, CONSTANTS[name])
        if name in LOGICAL:
            raise self.missing(token)
        if name in FUNCTIONS and follower.kind in (NAME, NUMBER):
            raise self.error(f"{name} is a function", token.start,
                             f"write {name}({follower.text[: limits.NAME]})")  # fmt: skip
        refused = refusal(name)
        if refused:
            reason, hint = refused
            raise self.error(reason, token.start, hint)
        self.variables.add(name)
        if len(self.variables) > limits.VARIABLES:
            raise self.error(f"more than {limits.VARIABLES} variables", token.start)
        return self.leaf(name, token)

    def call(self, token: Token) -> _Part:
        operation = FUNCTIONS.get(token.text)
        if operation is None:
            raise self.unknown(token)
        operation.require()
        opening = self.tokens[self.place]
        self.place += 1
        arguments = self.arguments(opening)
        if not operation.least <= len(arguments) <= operation.most:
            raise self.wrong_count(operation, token, len(arguments))
        for k, argument in enumerate(arguments):
            if operation is WHERE and k == 0:
                self.require_condition(argument)
            else:
                self.require_number(argument)
        if operation.infix == POWER:
            return self.power(operation, arguments[0], arguments[1], token)
        return self.applied(operation, arguments, token)

    def arguments(self, opening: Token) -> list[_Part]:
        if self.tokens[self.place].text == ")":
            self.place += 1
            return []
        found = [self.nested(0, opening)]
        while self.tokens[self.place].text == ",":
            self.place += 1
            found.append(self.nested(0, opening))
        self.close(opening)
        return found

    def close(self, opening: Token) -> None:
        token = self.tokens[self.place]
        if token.text == ")":
            self.place += 1
        elif token.kind == END:
            raise self.error("this parenthesis is not closed", opening.start, "add )")
        else:
            raise self.unexpected(token)

    # Writing the program

    def leaf(self, what: str | float, token: Token, constant: float | None = None) -> _Part:
        self.steps.append(Step(what))
        return _Part(len(self.steps) - 1, token.start, constant)

    def applied(self, operation: Operation, parts: Sequence[_Part], token: Token) -> _Part:
        # An n-ary minimum stands for n - 1 operations.
        self.operations += max(1, len(parts) - 1) if operation.most > 3 else 1
        if self.operations > limits.OPERATIONS:
            raise self.error(f"more than {limits.OPERATIONS} operations", token.start)
        try:
            constant = limits.folded(operation.fold, [part.constant for part in parts])
        except OverflowError:
            raise self.error(
                "the constant is larger than any number in double precision", token.start
            ) from None
        self.steps.append(Step(operation, tuple(part.line for part in parts)))
        start = min(token.start, parts[0].start)
        powers = max(part.powers for part in parts)
        return _Part(len(self.steps) - 1, start, constant, powers, operation.truth)

    def power(self, operation: Operation, base: _Part, exponent: _Part, token: Token) -> _Part:
        self.require_number(base)
        self.require_number(exponent)
        part = self.applied(operation, [base, exponent], token)
        size = abs(exponent.constant or 0.0)
        if size > limits.EXPONENT:
            raise self.error(
                f"a constant exponent is at most {limits.EXPONENT}", exponent.start,
                "for larger ones, make it a variable",
            )  # fmt: skip
        powers = max(base.powers * max(size, 1.0), exponent.powers)
        if powers > limits.EXPONENT:
            raise self.error(
                f"the exponents of powers of powers multiply to more than {limits.EXPONENT}",
                token.start,
            )
        return part._replace(powers=powers)

    def require_number(self, part: _Part) -> None:
        if part.truth:
            raise self.error("a condition where a number is due", part.start,
                             "conditions stand in where(x > 0, a, b)")  # fmt: skip

    def require_condition(self, part: _Part) -> None:
        if not part.truth:
            raise self.error("a number where a condition is due", part.start,
                             "compare it, as in x > 0")  # fmt: skip

    # Errors

    def error(self, reason: str, position: int, hint: str = "") -> ExpressionError:
        return ExpressionError(reason, self.text, position, hint)

    def missing(self, token: Token) -> ExpressionError:
        """The error for a token at which an operand is due."""
        before = self.tokens[self.place - 2] if self.place >= 2 else None
        if token.kind == END and before is None:
            return self.error("the expression is empty", token.start, "write one, as in sin(x)*y")
        if token.kind == END:
            return self.error("the expression ends where a number, name or ( is due", token.start)
        hint = ""
        if before is not None and before.text + token.text == "//":
            hint = "the floor of a quotient is written floor(a/b)"
        elif before is not None and before.text in ("<", ">") and token.text in ("<", ">"):
            hint = "there are no shifts; products with powers are written x*2**n"
        return self.error(f"{token.text!r} where a number, name or ( is due", token.start, hint)

    def unexpected(self, token: Token) -> ExpressionError:
        """The error for a token at which an operator is due."""
        before = self.tokens[self.place - 1]
        if token.text == ")":
            return self.error("this ) closes nothing", token.start, "leave it out")
        if token.text == ",":
            return self.error("a comma outside a function's arguments", token.start,
                              "decimals are written with a point, as in 1.5")  # fmt: skip
        near = before.text[-limits.NAME :] + "*" + (token.text[: limits.NAME] or "(")
        if token.text == "(":
            near += "...)"
        return self.error(
            "an operator is missing here", token.start, f"for a product, write {near}"
        )

    def unknown(self, token: Token) -> ExpressionError:
        import difflib

        name = token.text
        if len(name) > limits.NAME:
            return self.error(f"a name has at most {limits.NAME} characters", token.start)
        near = difflib.get_close_matches(name.lower(), FUNCTIONS, n=1, cutoff=0.6)
        if name in INSTEAD:
            hint = f"write {INSTEAD[name]}"
        elif near:
            hint = f"did you mean {near[0]}?"
        elif len(name) <= 2 or name in self.variables or name in CONSTANTS:
            hint = f"for a product, write {name}*(...)"
        else:
            hint = f"known: {', '.join(sorted({f.name for f in FUNCTIONS.values()} - {'**'}))}"
        return self.error(f"there is no function {name}", token.start, hint)

    def wrong_count(self, operation: Operation, token: Token, given: int) -> ExpressionError:
        expected = str(operation.least)
        if operation.most > operation.least:
            expected = f"{operation.least} to {operation.most}"
        plural = "" if expected == "1" else "s"
        hint = "write where(condition, a, b)" if operation is WHERE else ""
        return self.error(
            f"{token.text} takes {expected} argument{plural}, got {given}", token.start, hint
        )


def variables(program: Sequence[Step]) -> tuple[str, ...]:
    """The variables of a program, in alphabetical order."""
    names: set[Any] = {step.operation for step in program if isinstance(step.operation, str)}
    return tuple(sorted(names - CONSTANTS.keys()))
