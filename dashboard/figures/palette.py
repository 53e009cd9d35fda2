"""The colours figures are drawn in. `INK` and `GRID` are stand-ins that the style sheet replaces in light and dark.

They agree with `dashboard.components.graph`, which figures cannot import because it makes components (a test compares
the two).
"""

INK = "rgb(1, 2, 3)"
GRID = "rgb(1, 2, 4)"
FAINT = "rgba(127, 140, 155, 0.16)"

STRENGTH = "#1098ad"
ENZYME = "#d9730d"
TROPONIN_T = "#a855c7"
TROPONIN_I = "#d6336c"
STEROID = "#748c2a"
SKIN = "#a0527d"
LUNG_FVC = "#3b6fd4"
LUNG_DLCO = "#9a7b1f"
OTHER = "#7b8794"
URGENT = "#e03131"
ACTION = "#d9820b"

SEVERITY = {"urgent": URGENT, "action": ACTION, "watch": OTHER}
SEVERITY_SHAPES = {"urgent": "triangle-up", "action": "diamond", "watch": "circle"}
"""The shapes of the severity badge, so that colour is never alone."""
