"""The names of the components on the page of own rows, and of what can be done to a row."""

BODY, SAID, CHANGED, MODAL, FORM = "own-row-body", "own-row-said", "own-row-changed", "own-row-modal", "own-row-form"
OPEN, FIELD = "own-row-open", "own-row-field"
WHAT, KIND, FROM, REASON = "own-row-what", "own-row-kind", "own-row-from", "own-row-reason"
TRY, SAVE, TRIAL, POLL, OUTCOME = "own-row-try", "own-row-save", "own-row-trial", "own-row-poll", "own-row-outcome"

ADD, ALTER, END, RETURN = "add", "change", "end", "return"
