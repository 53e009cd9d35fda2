"""HTTP interfaces for machines, one a file, found by folder: `register(app)`. See `dashboard/app.py`."""
