"""The page of labs due: its address, and the names of its components."""

from dashboard.secure import READERS, Page

PAGE = Page("/labs", "Labs due", READERS, nav=30)

CONTENT = "labs-content"
FILTERS = {"q": "labs-search", "test": "labs-test", "site": "labs-site", "who": "labs-clinician"}
NAMES = "labs-names"
SAID = "labs-said"
CHANGED = "labs-changed"
MODAL = "labs-modal"
FORM = "labs-form"
FORM_PATIENT, FORM_KIND, FORM_TESTS = "labs-form-patient", "labs-form-kind", "labs-form-tests"
FORM_REASON, FORM_UNTIL, FORM_SAVE = "labs-form-reason", "labs-form-until", "labs-form-save"
EXCUSE, UNDO = "labs-excuse", "labs-undo"
