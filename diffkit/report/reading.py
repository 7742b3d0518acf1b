"""What experiments cite: each source stands once, with its address."""

from __future__ import annotations

from diffkit.errors import UnknownNameError

SOURCES = {
    "baydin2018": (
        "A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind, Automatic Differentiation in "
        "Machine Learning: a Survey, JMLR 18 (2018)",
        "https://arxiv.org/abs/1502.05767",
    ),
    "griewank1989": (
        "A. Griewank, On Automatic Differentiation, in: Mathematical Programming: Recent "
        "Developments and Applications, Kluwer 1989",
        "https://softlib.rice.edu/pub/CRPC-TRs/reports/CRPC-TR89003.pdf",
    ),
    "griewank2008": (
        "A. Griewank, A. Walther, Evaluating Derivatives, 2nd ed., SIAM 2008",
        "https://doi.org/10.1137/1.9780898717761",
    ),
    "higham2002": (
        "N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002",
        "https://doi.org/10.1137/1.9780898718027",
    ),
    "laue2019": (
        "S. Laue, On the Equivalence of Automatic and Symbolic Differentiation (2019)",
        "https://arxiv.org/abs/1904.02990",
    ),
    "nocedal2006": (
        "J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed., Springer 2006",
        "https://doi.org/10.1007/978-0-387-40065-5",
    ),
}


def cite(key: str, place: str = "") -> str:
    """The source, the place in it ("section 1.14") and its address.

    Raises UnknownNameError for a key that is not among SOURCES.
    """
    if key not in SOURCES:
        raise UnknownNameError("source", key, SOURCES)
    work, address = SOURCES[key]
    return f"{work}, {place}: {address}" if place else f"{work}: {address}"
