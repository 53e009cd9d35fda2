"""The names of the components on the page of a rule."""

BODY, SAID, KEY, CHANGED = "rule-body", "rule-said", "rule-key", "rule-changed"
MODAL, FORM, WHAT = "rule-modal", "rule-form", "rule-form-what"
VALUE, FROM, MRN, UNTIL = "rule-form-value", "rule-form-from", "rule-form-mrn", "rule-form-until"
REASON, SAVE, RESET = "rule-form-reason", "rule-form-save", "rule-form-reset"
CHANGE = "rule-change"
STATUS = ":status"
"""Stands for the status where a parameter's name would stand."""
