import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="A trace that follows the point")


@app.cell
def _():
    import marimo as mo
    import numpy as np
    import plotly.graph_objects as go

    import diffkit as dk

    return dk, go, mo, np


@app.cell
def _(dk, mo):
    griewank = dk.problems["griewank"]
    mo.md(r"""
    # A trace that follows the point

    Griewank and Walther's first example, with a shared subexpression that is computed once:

    $$y = \left(\sin\frac{x_1}{x_2} + \frac{x_1}{x_2} - e^{x_2}\right)
          \left(\frac{x_1}{x_2} - e^{x_2}\right)$$

    Move the point: the trace, its adjoints, the tangent and the comparison follow.
    """)
    return (griewank,)


@app.cell
def _(mo):
    x1 = mo.ui.slider(0.5, 3.0, 0.05, value=1.5, label="$x_1$", show_value=True)
    x2 = mo.ui.slider(0.25, 1.5, 0.05, value=0.5, label="$x_2$", show_value=True)
    mo.hstack([x1, x2], justify="start", gap=3)
    return x1, x2


@app.cell
def _(dk, griewank, mo, np, x1, x2):
    x = np.array([x1.value, x2.value])
    trace = dk.trace(griewank, x)
    mo.hstack([trace.graph(), trace.table(adjoints=True)], justify="start", gap=3, wrap=True)
    return (x,)


@app.cell
def _(dk, go, griewank, mo, np, x):
    value, gradient = dk.value_and_gradient(griewank, x)
    ts = np.linspace(0.5, 3.0, 101)
    figure = go.Figure()
    figure.add_scatter(x=ts, y=[griewank(np.array([t, x[1]])) for t in ts], name="y along x₁")
    figure.add_scatter(x=ts, y=value + gradient[0] * (ts - x[0]), name="tangent")
    figure.add_scatter(x=[x[0]], y=[value], mode="markers", marker_size=10, name="the point")
    figure.update_xaxes(title="x₁")
    figure.update_yaxes(title="y", range=[-5, 40])
    template = "plotly_dark" if mo.app_meta().theme == "dark" else "plotly"
    figure.update_layout(height=360, margin_t=30, template=template)
    return


@app.cell
def _(dk, griewank, x):
    built_in = ["finite_difference", "complex_step", "symbolic", "forward", "reverse"]
    dk.compare(griewank, x, backends=built_in)
    return


@app.cell
def _(dk, griewank, mo, x):
    expression = dk.Symbolic().expression(griewank, x)
    mo.accordion({"The gradient in symbols": expression})
    return


if __name__ == "__main__":
    app.run()
