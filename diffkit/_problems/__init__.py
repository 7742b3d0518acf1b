"""The catalogue of named test problems, one file a family.

Every problem is a ``Function`` in plain NumPy with its domain, its points and its source. A
problem in several variables takes one vector.
"""

# Importing a family enters its problems.
from . import arrays, classical, elementary, hard, teaching
from .catalogue import Catalogue, problems

__all__ = ["Catalogue", "arrays", "classical", "elementary", "hard", "problems", "teaching"]
