"""Typing facts in: a score (in total or item by item), a result, a drug begun, changed or stopped, an event.

What is typed goes through the importer's own checks and versions; a message stands at the field it is about. After
each entry the rules look at this patient again, so that the page answers at once.
"""
