"""What `import diffkit` costs on top of `import numpy`, as a fraction of `import numpy`.

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
    """Print the ratio with its spread."""
    codes = ["pass", "import numpy", "import diffkit"]
    empty, numpy, diffkit = np.array([[seconds(c) for c in codes] for _ in range(rounds)]).T
    low, mid, high = np.quantile((diffkit - numpy) / (numpy - empty), [0.1, 0.5, 0.9])
    print(f"import numpy: {np.median(numpy - empty) * 1e3:.0f} ms")
    print(f"import diffkit on top of it: {mid:.2f} ({low:.2f}-{high:.2f}) of that; aim 0.5")


if __name__ == "__main__":
    main()
