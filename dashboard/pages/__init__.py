"""One page a file, found by folder: `PAGE`, `layout(**query)`, `register(app)`. See `dashboard/app.py`."""
