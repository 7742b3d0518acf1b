"""Imported by a child before its first task: every task runs once, so that the next is quick."""

from typing import Any

from . import tasks

_SUBJECT: dict[str, Any] = {
    "text": "sin(x)*exp(y)/(1 + x*x)",
    "names": ["x", "y"],
    "point": [1.0, 0.5],
}

tasks.values(**_SUBJECT, operator="gradient")
tasks.certified(**_SUBJECT, operator="gradient")
tasks.trace(**_SUBJECT)
tasks.graph(**_SUBJECT)
tasks.steps(**_SUBJECT, along="x")
tasks.swell(**_SUBJECT)
