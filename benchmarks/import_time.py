"""What diffkit costs on top of `import numpy`, as a fraction of `import numpy`.

    python benchmarks/import_time.py

Whole processes, taken in turn; the time of an empty one is subtracted.
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np


def seconds(code: str) -> float:
    """Wall-clock seconds of a new interpreter that runs the code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main(rounds: int = 21) -> None:
    """Print the ratios with their spread."""
    codes = [
        "pass",
        "import numpy",
        "import numpy, diffkit",
        "import numpy, diffkit; diffkit.gradient(numpy.sum, numpy.ones(3))",
    ]
    taken = np.array([[seconds(c) for c in codes] for _ in range(rounds)]).T
    numpy = taken[1] - taken[0]
    print(f"import numpy: {np.median(numpy) * 1e3:.0f} ms")
    for what, total in zip(("import diffkit", "and a first gradient"), taken[2:], strict=True):
        low, mid, high = np.quantile((total - taken[1]) / numpy, [0.1, 0.5, 0.9])
        print(f"{what}, on top of it: {mid:.2f} ({low:.2f} to {high:.2f}) of that")


if __name__ == "__main__":
    main()
