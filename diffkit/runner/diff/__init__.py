"""Compare the results of two runs, A and B: only what is comparable, and why the rest is not.

    found = diff(Path("before/break_even.sqlite"), Path("after/break_even.sqlite"))
    print(found)

Cells are the same where experiment, parameters, dtype and seed are; the code may be another, as
that is mostly what is being compared. Of two cells that are both ok, column by column:

========  ==========================================  ============================================
kind      is known by                                 is compared where
========  ==========================================  ============================================
time      a column NAME_samples beside it: the raw    both were taken on the same machine, with as
          samples, whose medians are compared         many threads, the same Python, NumPy and
                                                      SymPy, and both are stable
                                                      (`diffkit.measure.cost`)
error     a word of its name: error, difference,      the truth is the same: the column ``truth``,
          relative, ulps, bias, rms, deviation        or the version of the experiment, equal
number    all other numbers                           always
value     texts, truth values, lists                  always, for equality
========  ==========================================  ============================================

A number that stands beside samples without having any of its own (such as a quotient of two times)
has no spread, and is not compared; nor is the time of a whole cell, which is measured once.

What counts as a change
-----------------------
The ratio is B over A, of magnitudes. Times and errors have changed *beyond* a threshold t where
the ratio exceeds t, and are *better* where it is below 1/t; for a time the quartiles must also lie
apart. Other numbers are beyond either way. A status, a value, and a number that is zero, NaN or
infinite on one side only have changed whatever the threshold. Cells that only one run has are told
and do not count.
"""

from diffkit.runner.diff.comparing import diff
from diffkit.runner.diff.difference import Change, Difference, Hole

__all__ = ["Change", "Difference", "Hole", "diff"]
