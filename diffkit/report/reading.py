"""What experiments cite: each source stands once, with its address."""

from __future__ import annotations

from diffkit.errors import UnknownNameError

SOURCES = {
    "baydin2018": (
        "A. G. Baydin, B. A. Pearlmutter, A. A. Radul, J. M. Siskind, Automatic "
        "Differentiation in Machine Learning: a Survey, JMLR 18 (2018)",
        "https://arxiv.org/abs/1502.05767",
    ),
    "baydin2022": (
        "A. G. Baydin, B. A. Pearlmutter, D. Syme, F. Wood, P. Torr, Gradients without "
        "Backpropagation (2022)",
        "https://arxiv.org/abs/2202.08587",
    ),
    "beck1994": (
        "T. Beck, H. Fischer, The if-problem in automatic differentiation, J. Comput. Appl. "
        "Math. 50 (1994)",
        "https://doi.org/10.1016/0377-0427(94)90294-1",
    ),
    "chen2016": (
        "T. Chen, B. Xu, C. Zhang, C. Guestrin, Training Deep Nets with Sublinear Memory Cost "
        "(2016)",
        "https://arxiv.org/abs/1604.06174",
    ),
    "curtis1974": (
        "A. R. Curtis, M. J. D. Powell, J. K. Reid, On the Estimation of Sparse Jacobian "
        "Matrices, IMA J. Appl. Math. 13 (1974)",
        "https://doi.org/10.1093/imamat/13.1.117",
    ),
    "gilbert1992": (
        "J. C. Gilbert, Automatic differentiation and iterative processes, Optim. Methods "
        "Softw. 1 (1992)",
        "https://doi.org/10.1080/10556789208805503",
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
    "nielsen2015": (
        "M. A. Nielsen, Neural Networks and Deep Learning, Determination Press 2015",
        "http://neuralnetworksanddeeplearning.com/chap2.html",
    ),
    "nocedal2006": (
        "J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed., Springer 2006",
        "https://doi.org/10.1007/978-0-387-40065-5",
    ),
    "sine_plus_product": (
        "How does automatic differentiation really work? (Mathematics Stack Exchange)",
        "https://math.stackexchange.com/a/1720583",
    ),
    "stablehlo": (
        "StableHLO, the specification of its operations",
        "https://openxla.org/stablehlo/spec",
    ),
    "step_by_step": (
        "Step-by-step example of reverse-mode automatic differentiation (Cross Validated)",
        "https://stats.stackexchange.com/questions/224140",
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
