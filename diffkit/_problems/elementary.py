"""Elementary functions of one number; all work elementwise on arrays too."""

from __future__ import annotations

import numpy as np

from .catalogue import POSITIVE, enter

DLMF = "NIST Digital Library of Mathematical Functions, dlmf.nist.gov"

enter(
    np.exp,
    name="exp",
    description="e^x",
    variables="x",
    points=(1.0, 0.0, 14.0, 20.0),
    source=f"{DLMF}, 4.2(iii); looked at on 0..20 in introductions to finite differences",
)
enter(
    np.square,
    name="square",
    description="x²",
    variables="x",
    points=(3.0, 0.0, -1.5),
    source="the first derivative taken from the definition: (x + ε)² − x² = 2 x ε + ε²",
)
enter(
    np.log,
    name="log",
    description="log x",
    variables="x",
    domain=POSITIVE,
    points=(2.0, 1.0, 1e-8),
    source=f"{DLMF}, 4.2(i)",
)
enter(
    np.sqrt,
    name="sqrt",
    description="√x",
    variables="x",
    domain=POSITIVE,
    points=(2.0, 1e-8, 1e8),
    source=f"{DLMF}, 4.2(iv)",
)
enter(
    np.reciprocal,
    name="reciprocal",
    description="1/x",
    variables="x",
    domain=POSITIVE,
    points=(2.0, 1e-3),
    source="the quotient rule's simplest case",
)
enter(
    np.sin,
    name="sin",
    description="sin x",
    variables="x",
    points=(1.0, 0.0, 1e6),
    source=f"{DLMF}, 4.14",
)
enter(
    np.tan,
    name="tan",
    description="tan x",
    variables="x",
    domain=(-np.pi / 2, np.pi / 2),
    points=(0.5, 1.5),
    source=f"{DLMF}, 4.14",
)
enter(
    np.arctan,
    name="arctan",
    description="arctan x",
    variables="x",
    points=(1.0, 0.0, 1e4),
    source=f"{DLMF}, 4.23",
)
enter(
    np.tanh,
    name="tanh",
    description="tanh x",
    variables="x",
    points=(0.5, 0.0, 20.0),
    source=f"{DLMF}, 4.28",
)
