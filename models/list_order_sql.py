"""`models.list_order` as SQL, for lists of which the database gives a part: a test holds the two to the same order.

Apart, because rules say by `Danger` what they endanger, and rules know no database.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from models.list_order import ACTION, DANGER, URGENT, URGENT_UNSEEN, WATCH
from models.states import Severity


def change_of_alert(alert: Any) -> Any:
    """`changed_at` as SQL, of the columns of `models.alert.Alert` (or of a table with the same)."""
    newer = sa.and_(alert.worsened_at.is_not(None), alert.worsened_at > alert.opened_at)
    return sa.case((newer, alert.worsened_at), else_=alert.opened_at)


def class_of_alert(alert: Any, reviewed_at: Any, today: dt.date) -> Any:
    """The class of `place_of_alert` as SQL. `reviewed_at`: a column that is null where nobody has looked."""
    changed = change_of_alert(alert)
    handled = sa.and_(alert.handled_on.is_not(None), alert.handled_on < today, alert.handled_at >= changed)
    seen = sa.or_(handled, sa.and_(reviewed_at.is_not(None), reviewed_at >= changed))
    return sa.case(
        (alert.danger > 0, DANGER + alert.danger),
        (sa.and_(alert.severity == Severity.URGENT.value, seen), URGENT),
        (alert.severity == Severity.URGENT.value, URGENT_UNSEEN),
        (alert.severity == Severity.ACTION.value, ACTION),
        else_=WATCH,
    )
