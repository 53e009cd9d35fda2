"""The rules of release 0.1.0, computed over the whole panel: what the rules for one patient are compared with.

They go when stories, worked examples, random histories and a cohort of 5,000 agree.
"""
