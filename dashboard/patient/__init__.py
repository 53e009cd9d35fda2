"""The patient's page in parts: what it reads, what changed since the last visit, what it shows, what it takes in."""

WHO_ACTS = ("nurse", "physician", "admin")
"""Roles that may enter facts, act on alerts and answer suggestions here; everybody else reads."""

REF = "patient-ref"
"""The store with the record number and the day the page stands at."""

CHANGED = "patient-changed"
"""The store that makes the page draw itself again; `dashboard.pages.patient.names.stamp_of` gives it something new."""
