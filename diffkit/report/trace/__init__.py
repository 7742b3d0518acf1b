"""Evaluation traces as people read them: lines, local partials, tables, graphs and pages.

A tape is what the computer recorded. The modules here read it into what the texts on automatic
differentiation print: the lines ``v1 = v-1 / v0`` (``lines``, ``formulas``), the derivative of
each in each of its operands (``partials``), the tangents and adjoints with the sums that they are
(``chain_rule``), and from these tables (``table``), graphs (``graph``, ``layout``) and a page to
step through (``step_through``).
"""
