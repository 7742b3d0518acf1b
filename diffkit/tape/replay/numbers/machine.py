"""Programs on numbers as machine code.

The loop of ``loops`` reads each instruction again at every replay. Here LLVM, which Numba brings
along, makes straight machine code of the very same instructions: nothing is decoded any more, and
values stay in registers. Making it takes tens of microseconds an instruction, so that it pays only
where many points follow.

Sums, products and roots are rounded by IEEE arithmetic, and every other function is called at the
address at which the loop calls it. Unless it is asked for, products and sums are not contracted, so
that the results have the same bits.
"""

# llvmlite carries no types.
# mypy: ignore-errors
from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from llvmlite import binding

from ..machine_code.llvm import double, library, target
from . import loops as L

# Instructions of one function. LLVM takes longer than proportionally to more; where it was asked
# for, it may take its time: what passes from one function to the next goes through memory.
PART, LONG_PART = 100, 400
_SLOT, _FRONT = 8, 8 * L.FRONT

_INFIX = {L.ADD: "fadd", L.SUBTRACT: "fsub", L.MULTIPLY: "fmul", L.DIVIDE: "fdiv"}
_ORDER = {
    L.LESS: "olt", L.LESS_EQUAL: "ole", L.GREATER: "ogt", L.GREATER_EQUAL: "oge",
    L.EQUAL: "oeq", L.NOT_EQUAL: "une",
}  # fmt: skip
_LOGIC = {L.AND: "and", L.OR: "or", L.XOR: "xor"}
_C_LIBRARY = {L.SIN: "sin", L.COS: "cos", L.POW: "pow"}

_DECLARATIONS = """
declare double @llvm.sqrt.f64(double)
declare double @llvm.fabs.f64(double)
declare double @llvm.fma.f64(double, double, double)
declare double @llvm.fmuladd.f64(double, double, double)
"""


class MachineCode:
    """The machine code of one program.

    Attributes:
        address: of ``i8 run(char *memory)``, which gives 0 where a guard decides otherwise. What
            lies in memory is described in ``loops``.
    """

    def __init__(
        self, code: Any, functions: Any, constants: Any, outputs: Any, contracted: bool = False
    ) -> None:
        """
        Args:
            code: (steps, 4) instructions, the last of them END.
            functions: (count, 2) addresses of inner loops, and of their data.
            constants: the numbers in the first slots.
            outputs: the slots of the results.
            contracted: whether a product and the sum that it is a term of may be rounded once,
                where the processor can.
        """
        given = functions.tolist(), constants.tolist(), contracted
        parts = _parts(code.tolist()[:-1], given, outputs.tolist())
        text = "\n".join(_module(parts))
        module = binding.parse_assembly(text)
        self._engine = binding.create_mcjit_compiler(module, target())  # keeps the code alive
        self._engine.finalize_object()
        self.address = self._engine.get_function_address("run")


def _parts(body: Any, given: tuple[Any, ...], outputs: Any) -> list[_Part]:
    """The functions; each stores only what a later one reads, or what is a result.

    Args:
        body: the instructions.
        given: the functions, the constants, and whether it is contracted.
        outputs: the slots of the results.
    """
    size = LONG_PART if given[-1] else PART
    parts = [_Part(body[k : k + size], *given) for k in range(0, len(body), size)]
    wanted = set(outputs)
    for part in reversed(parts):
        written = part.written
        part.written = written & wanted
        wanted = wanted - written | part.read
    return parts


def _module(parts: Sequence[_Part]) -> Iterator[str]:
    """The program in LLVM's assembly: a function for each part, and one that calls them."""
    yield _DECLARATIONS
    yield from _pow_two()
    for k, part in enumerate(parts):
        yield from part.text(f"part{k}")
    yield "define i1 @run_parts(ptr %memory) {"
    for k in range(len(parts)):
        yield f"  %t{k} = call i1 @part{k}(ptr %memory)"
        yield f"  br i1 %t{k}, label %l{k}, label %miss\nl{k}:"
    yield "  ret i1 true\nmiss:\n  ret i1 false\n}" if parts else "  ret i1 true\n}"
    yield "define i8 @run(ptr %memory) {\n  %t = call i1 @run_parts(ptr %memory)"
    yield "  %y = zext i1 %t to i8\n  ret i8 %y\n}"


def _pow_two() -> Iterator[str]:
    """As ``loops._pow_two``."""
    yield f"""
define internal double @pow_two(double %a, double %two) {{
  %square = fmul double %a, %a
  %minus = fneg double %square
  %remainder = call double @llvm.fma.f64(double %a, double %a, double %minus)
  %part = fmul double %remainder, {double(1.125)}
  %sum = fadd double %square, %part
  %c1 = fcmp ogt double %square, {double(1e-250)}
  %c2 = fcmp olt double %square, {double(float("inf"))}
  %c3 = fcmp oeq double %sum, %square
  %c4 = and i1 %c1, %c2
  %c = and i1 %c4, %c3
  br i1 %c, label %near, label %far
near:
  ret double %square
far:
  %f = inttoptr i64 {library("pow")} to ptr
  %y = call double %f(double %a, double %two)
  ret double %y
}}"""


class _Part:
    """One function: what it reads of the slots it loads once, what it has written it stores last.

    Attributes:
        lines: the instructions written so far.
        values: the name of the value that each slot holds.
        read: the slots that it takes from those before it.
        written: the slots to be stored.
    """

    def __init__(self, code: Any, functions: Any, constants: Any, contracted: bool) -> None:
        self.contracted = contracted
        self.functions, self.constants = functions, constants
        self.lines: list[str] = []
        self.values: dict[int, str] = {}
        self.read: set[int] = set()
        self.written: set[int] = set()
        self.names = 0
        self.guards = 0
        for word, out, a, b in code:
            self._instruction(word & 255, word >> 8, out, a, b)

    def text(self, name: str) -> Iterator[str]:
        yield f"define internal i1 @{name}(ptr %memory) {{"
        for slot in sorted(self.written):
            self._store(_FRONT + _SLOT * slot, self.values[slot])
        yield from self.lines
        yield "  ret i1 true"
        if self.guards:
            yield "miss:\n  ret i1 false"
        yield "}"

    def _new(self, expression: str) -> str:
        self.names += 1
        self.lines.append(f"  %v{self.names} = {expression}")
        return f"%v{self.names}"

    def _at(self, offset: int) -> str:
        return self._new(f"getelementptr i8, ptr %memory, i64 {offset}")

    def _load(self, offset: int) -> str:
        return self._new(f"load double, ptr {self._at(offset)}")

    def _store(self, offset: int, value: str) -> None:
        self.lines.append(f"  store double {value}, ptr {self._at(offset)}")

    def _value(self, slot: int) -> str:
        if slot < len(self.constants):
            return double(self.constants[slot])
        if slot not in self.values:
            self.read.add(slot)
            self.values[slot] = self._load(_FRONT + _SLOT * slot)
        return self.values[slot]

    def _truth(self, slot: int) -> str:
        return self._new(f"fcmp une double {self._value(slot)}, {double(0.0)}")

    def _number(self, truth: str) -> str:
        return self._new(f"uitofp i1 {truth} to double")

    def _instruction(self, operation: int, c: int, out: int, a: int, b: int) -> None:
        if operation == L.GUARD:
            self._guard(a, out)
            return
        self.values[out] = self._result(operation, c, a, b)
        self.written.add(out)

    def _guard(self, a: int, taken: int) -> None:
        self.guards += 1
        truth, name = self._truth(a), f"g{self.guards}"
        ways = f"label %{name}, label %miss" if taken else f"label %miss, label %{name}"
        self.lines.append(f"  br i1 {truth}, {ways}\n{name}:")

    def _result(self, operation: int, c: int, a: int, b: int) -> str:
        x = self._value
        if operation in _INFIX:
            return self._new(f"{_INFIX[operation]} double {x(a)}, {x(b)}")
        if operation in (L.MULTIPLY_ADD, L.MULTIPLY_SUBTRACT, L.SUBTRACT_PRODUCT):
            return self._product_and_sum(operation, x(a), x(b), x(c))
        if operation in _ORDER:
            return self._number(self._new(f"fcmp {_ORDER[operation]} double {x(a)}, {x(b)}"))
        if operation in _LOGIC:
            truths = self._truth(a), self._truth(b)
            return self._number(self._new(f"{_LOGIC[operation]} i1 {truths[0]}, {truths[1]}"))
        if operation in _C_LIBRARY:
            return self._c_function(_C_LIBRARY[operation], [a] if operation != L.POW else [a, b])
        if operation in (L.CALL_1, L.CALL_2):
            return self._inner_loop(c, [a] if operation == L.CALL_1 else [a, b])
        return self._unary(operation, c, a, b)

    def _product_and_sum(self, operation: int, a: str, b: str, c: str) -> str:
        if self.contracted:
            if operation == L.MULTIPLY_SUBTRACT:
                c = self._new(f"fneg double {c}")
            if operation == L.SUBTRACT_PRODUCT:
                a = self._new(f"fneg double {a}")
            given = ", ".join([f"double {x}" for x in (a, b, c)])
            return self._new(f"call double @llvm.fmuladd.f64({given})")
        product = self._new(f"fmul double {a}, {b}")
        terms = (c, product) if operation == L.SUBTRACT_PRODUCT else (product, c)
        sign = "fadd" if operation == L.MULTIPLY_ADD else "fsub"
        return self._new(f"{sign} double {terms[0]}, {terms[1]}")

    def _unary(self, operation: int, c: int, a: int, b: int) -> str:
        x = self._value(a)
        if operation == L.COPY:
            return x
        if operation == L.NEGATIVE:
            return self._new(f"fneg double {x}")
        if operation == L.ABSOLUTE:
            return self._new(f"call double @llvm.fabs.f64(double {x})")
        if operation == L.SQRT:
            return self._new(f"call double @llvm.sqrt.f64(double {x})")
        if operation == L.SQUARE:
            return self._new(f"fmul double {x}, {x}")
        if operation == L.RECIPROCAL:
            return self._new(f"fdiv double {double(1.0)}, {x}")
        if operation == L.POW_TWO:
            return self._new(f"call double @pow_two(double {x}, double {self._value(b)})")
        if operation == L.WHERE:
            ways = f"double {self._value(b)}, double {self._value(c)}"
            return self._new(f"select i1 {self._truth(a)}, {ways}")
        if operation == L.NOT:
            return self._number(self._new(f"fcmp oeq double {x}, {double(0.0)}"))
        if operation == L.NAN:
            return self._number(self._new(f"fcmp uno double {x}, {x}"))
        if operation in (L.FINITE, L.INFINITE):
            size = self._new(f"call double @llvm.fabs.f64(double {x})")
            order = "one" if operation == L.FINITE else "oeq"
            return self._number(self._new(f"fcmp {order} double {size}, {double(float('inf'))}"))
        if operation == L.SIGNBIT:
            bits = self._new(f"bitcast double {x} to i64")
            return self._number(self._new(f"icmp slt i64 {bits}, 0"))
        raise NotImplementedError(operation)

    def _c_function(self, name: str, operands: list[int]) -> str:
        function = self._new(f"inttoptr i64 {library(name)} to ptr")
        given = ", ".join([f"double {self._value(k)}" for k in operands])
        return self._new(f"call double {function}({given})")

    def _inner_loop(self, number: int, operands: list[int]) -> str:
        """NumPy's loop: its arguments lie in front of the slots, as ``loops._prepare`` put them."""
        for place, slot in zip((L._FIRST, L._SECOND), operands, strict=False):
            self._store(8 * place, self._value(slot))
        address, data = self.functions[number]
        one = len(operands) == 1
        loop = self._new(f"inttoptr i64 {address} to ptr")
        args = self._at(8 * (L._ONE if one else L._TWO))
        count, strides = self._at(8 * L._COUNT), self._at(8 * (L._STRIDES + one))
        rest = self._new(f"inttoptr i64 {data} to ptr")
        self.lines.append(f"  call void {loop}(ptr {args}, ptr {count}, ptr {strides}, ptr {rest})")
        return self._load(8 * L._RESULT)
