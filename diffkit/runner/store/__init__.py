"""What became of every cell, in an SQLite file that is the source of truth.

    with open_store(path) as store:         # to write; one process at a time
        store.latest()                      # key -> (status, attempt)
        store.add(task, outcome)            # one transaction
        store.results(keys)                 # the table, in the order of the keys
    with read_store(path) as store: ...     # to read; also while another process writes

Tables (version 2 of the schema; `schema` has the statements and the migrations)
------------------------------------------------------------------------------
outcome
    A row for each attempt at a cell: ``key`` and ``attempt`` (together unique), ``experiment``,
    ``description`` (of which the key is the hash), ``status``, ``reason``, ``seconds``, ``host``,
    ``finished``, ``run``, ``position`` in the grid, ``rows`` (the rows of the
    table as JSON, see `diffkit.guard.wire`; NaN and the infinities are ``{"$float": "nan"}``),
    ``checksum``. Rows are only ever added.
run
    A row for each run that added outcomes: ``id``, ``provenance`` (JSON), ``checksum``.

What holds
----------
- One transaction a cell. With ``synchronous=NORMAL``, the default, what has been added survives
  the death of the process, by whatever signal; a power failure may cost the last cells, and never
  the store. ``durable=True`` (``synchronous=FULL``) makes every cell survive that as well.
- One writer: a lock beside the file (`lock`). Who comes second waits, and then says for whom.
- Every row carries a checksum. Opening a store to write looks at its structure
  (``PRAGMA quick_check``) and at all checksums. From a damaged store everything whose checksum is
  right is copied to a new one (`recovery`); the damaged file is kept under another name.
- A store of an older schema is copied before it is migrated; one of a newer schema is refused.
- Nothing in a store is executed: no pickle.
"""

from diffkit.runner.store.lock import Lock
from diffkit.runner.store.opening import Notice, open_store, put_aside, read_store
from diffkit.runner.store.store import Store, memory_store

__all__ = [
    "Lock",
    "Notice",
    "Store",
    "memory_store",
    "open_store",
    "put_aside",
    "read_store",
]
