"""The local web application of ``diffkit explore``: type a function, choose a point, and watch.

    request.py  what was typed, checked                app.py     the page and its callbacks
    tasks.py    what is computed, in a child process   panels.py  how results are shown
    jobs.py     one computation after another,         server.py  the address, and who may use it
                of which the newest wins

Only the command imports this package: it needs Dash.
"""
