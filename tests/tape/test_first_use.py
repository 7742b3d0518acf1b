"""The table of rules is completed when it is first needed, whoever needs it first."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys, threading
sys.setswitchinterval(1e-6)
import numpy as np
import diffkit as dk
dk.gradient
failed = []
def work(k):
    try:
        g = dk.gradient(lambda x: np.sum(np.sin(x) * np.max(x)) + np.linalg.det(np.outer(x, x)),
                        np.array([1.0, 2.0]))
        assert g.shape == (2,)
    except Exception as error:
        failed.append(error)
threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
for t in threads: t.start()
for t in threads: t.join()
sys.exit(repr(failed) if failed else 0)
"""


def test_many_threads_may_need_it_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
