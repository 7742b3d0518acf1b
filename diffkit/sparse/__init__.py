"""Sparse Jacobians and Hessians: their pattern, a colouring of it, and compressed products."""

from ..errors import MissingPackageError

try:
    import scipy.sparse  # noqa: F401
except ImportError as error:
    raise MissingPackageError("a sparse derivative", "scipy", extra="scipy") from error
