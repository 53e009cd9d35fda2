"""How much steroid a patient takes: medication statements become prednisone-equivalent milligrams a day.

Doses are piecewise constant, so a patient's history is a short list of segments and never a row per day. Doses at
the same time add up; they are added as whole nanograms, so that three prescriptions of 10 mg are exactly 30 mg and
the order or the cutting of the statements cannot change the answer.

What counts: oral, intravenous, intramuscular and subcutaneous glucocorticoids with a known equivalence. A dose taken
every other day counts as its daily mean; a dose taken weekly or more rarely counts in full on the day it is given.
What does not: topical, inhaled and intra-articular routes, oral budesonide, fludrocortisone, vamorolone.

The same drug by the same route begun again while an older statement without an end stands replaces it: at another dose
that is a change of dose, at the same dose a refill. Single doses, pulses and infusions replace nothing. What was read
so is kept apart (`Exposure.replaced`), to be said beside the number: both may have been meant.

A statement whose dose or end is not known is never guessed. It is kept apart as what *could* have been taken, so that
a rule can answer `cannot_tell` exactly where it matters and nowhere else.
"""

from jobs.exposure.adding_up import daily, exposure
from jobs.exposure.doses import PULSE_MG, SMALLEST_DIFFERENCE_MG, Exposure, Segment, evidence, why_unknown
from jobs.exposure.prescribed import dose_words
from jobs.exposure.report import exposure_report
from jobs.exposure.spells import Run, Spell, earliest, newest_run, runs, spell

__all__ = [
    "PULSE_MG",
    "SMALLEST_DIFFERENCE_MG",
    "Exposure",
    "Run",
    "Segment",
    "Spell",
    "daily",
    "dose_words",
    "earliest",
    "evidence",
    "exposure",
    "exposure_report",
    "newest_run",
    "runs",
    "spell",
    "why_unknown",
]
