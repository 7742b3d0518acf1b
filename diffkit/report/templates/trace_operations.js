// The operations that this page can compute, each with its partial derivatives d(y, a, b).
// Each stands on a line of its own, where diffkit looks up what there is.
const traceOperations = (function () {
  "use strict";
  const one = () => 1;
  const zero = () => 0;
  const share = (tie, wins) => (tie ? 0.5 : wins ? 1 : 0);
  const LN2 = Math.LN2, LN10 = Math.LN10, DEGREE = Math.PI / 180;
  const byAbsolute = { f: Math.abs, d: [(y, a) => Math.sign(a)] };
  const step = (f) => ({ f, d: [zero] });
  const compare = (f) => ({ f: (a, b) => f(a, b), d: [zero, zero] });
  const power = {
    f: (a, b) => (b === 2 ? a * a : Math.pow(a, b)),
    d: [
      (y, a, b) => (b === 0 ? 0 : b === 2 ? 2 * a : b * Math.pow(a, b - 1)),
      (y, a, b) => y * Math.log(a === 0 && b >= 0 ? 1 : a),
    ],
  };
  const angle = (factor) => ({ f: (a) => a * factor, d: [() => factor] });
  const remainder = (a, b) => a - b * Math.floor(a / b);
  const even = (a) => {
    const r = Math.round(a);
    return Math.abs(a % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
  };
  const logaddexp = (a, b) => Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)));
  const largest = {
    f: Math.max,
    d: [(y, a, b) => share(a === b, a > b), (y, a, b) => share(a === b, b > a)],
  };
  const smallest = {
    f: Math.min,
    d: [(y, a, b) => share(a === b, a < b), (y, a, b) => share(a === b, b < a)],
  };
  return {
    add: { f: (a, b) => a + b, d: [one, one] },
    subtract: { f: (a, b) => a - b, d: [one, () => -1] },
    multiply: { f: (a, b) => a * b, d: [(y, a, b) => b, (y, a) => a] },
    divide: { f: (a, b) => a / b, d: [(y, a, b) => 1 / b, (y, a, b) => -y / b] },
    negative: { f: (a) => -a, d: [() => -1] },
    positive: { f: (a) => a, d: [one] },
    reciprocal: { f: (a) => 1 / a, d: [(y) => -y * y] },
    square: { f: (a) => a * a, d: [(y, a) => 2 * a] },
    power: power,
    float_power: power,
    remainder: { f: remainder, d: [one, (y, a, b) => -Math.floor(a / b)] },
    fmod: { f: (a, b) => a % b, d: [one, (y, a, b) => -Math.trunc(a / b)] },
    floor_divide: { f: (a, b) => Math.floor(a / b), d: [zero, zero] },
    copysign: {
      f: (a, b) => Math.abs(a) * (b < 0 || Object.is(b, -0) ? -1 : 1),
      d: [(y, a, b) => Math.sign(a) * (b < 0 || Object.is(b, -0) ? -1 : 1), zero],
    },
    exp: { f: Math.exp, d: [(y) => y] },
    expm1: { f: Math.expm1, d: [(y, a) => Math.exp(a)] },
    exp2: { f: (a) => Math.pow(2, a), d: [(y) => y * LN2] },
    log: { f: Math.log, d: [(y, a) => 1 / a] },
    log1p: { f: Math.log1p, d: [(y, a) => 1 / (1 + a)] },
    log2: { f: Math.log2, d: [(y, a) => 1 / a / LN2] },
    log10: { f: Math.log10, d: [(y, a) => 1 / a / LN10] },
    logaddexp: { f: logaddexp, d: [(y, a) => Math.exp(a - y), (y, a, b) => Math.exp(b - y)] },
    sqrt: { f: Math.sqrt, d: [(y) => 0.5 / y] },
    cbrt: { f: Math.cbrt, d: [(y) => 1 / (3 * y * y)] },
    hypot: { f: Math.hypot, d: [(y, a) => a / (y || 1), (y, a, b) => b / (y || 1)] },
    absolute: byAbsolute,
    fabs: byAbsolute,
    sin: { f: Math.sin, d: [(y, a) => Math.cos(a)] },
    cos: { f: Math.cos, d: [(y, a) => -Math.sin(a)] },
    tan: { f: Math.tan, d: [(y) => 1 + y * y] },
    arcsin: { f: Math.asin, d: [(y, a) => 1 / Math.sqrt((1 - a) * (1 + a))] },
    arccos: { f: Math.acos, d: [(y, a) => -1 / Math.sqrt((1 - a) * (1 + a))] },
    arctan: { f: Math.atan, d: [(y, a) => 1 / (1 + a * a)] },
    arctan2: {
      f: Math.atan2,
      d: [
        (y, a, b) => b / Math.hypot(a, b) / Math.hypot(a, b),
        (y, a, b) => -a / Math.hypot(a, b) / Math.hypot(a, b),
      ],
    },
    sinh: { f: Math.sinh, d: [(y, a) => Math.cosh(a)] },
    cosh: { f: Math.cosh, d: [(y, a) => Math.sinh(a)] },
    tanh: { f: Math.tanh, d: [(y, a) => 1 / Math.cosh(a) / Math.cosh(a)] },
    arcsinh: { f: Math.asinh, d: [(y, a) => 1 / Math.sqrt(a * a + 1)] },
    arccosh: { f: Math.acosh, d: [(y, a) => 1 / Math.sqrt(a - 1) / Math.sqrt(a + 1)] },
    arctanh: { f: Math.atanh, d: [(y, a) => 1 / ((1 - a) * (1 + a))] },
    deg2rad: angle(DEGREE),
    radians: angle(DEGREE),
    rad2deg: angle(1 / DEGREE),
    degrees: angle(1 / DEGREE),
    maximum: largest,
    minimum: smallest,
    fmax: largest,
    fmin: smallest,
    where: {
      f: (c, a, b) => (c ? a : b),
      d: [zero, (y, c) => (c ? 1 : 0), (y, c) => (c ? 0 : 1)],
    },
    sign: step(Math.sign),
    floor: step(Math.floor),
    ceil: step(Math.ceil),
    trunc: step(Math.trunc),
    fix: step(Math.trunc),
    rint: step(even),
    less: compare((a, b) => a < b),
    less_equal: compare((a, b) => a <= b),
    greater: compare((a, b) => a > b),
    greater_equal: compare((a, b) => a >= b),
    equal: compare((a, b) => a === b),
    not_equal: compare((a, b) => a !== b),
    logical_and: compare((a, b) => Boolean(a && b)),
    logical_or: compare((a, b) => Boolean(a || b)),
    logical_not: step((a) => !a),
    guard: step(Boolean),
  };
})();
