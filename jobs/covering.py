"""A more general alert covers its consequences for the same patient: visible, counted, not in the way."""

import json
from collections import defaultdict
from collections.abc import Sequence

from sqlmodel import Session

from jobs.rule import all_rules, rule
from models.alert import Alert
from models.alert_lifecycle import running_alerts
from models.states import severity_rank


def cover(session: Session, whom: Sequence[int]) -> None:
    """Work out anew which running alerts of the patients are covered, and by which rule."""
    covers = {rule.key: rule.covers for rule in all_rules() if rule.covers}
    by_patient: dict[int, list[Alert]] = defaultdict(list)
    for alert in running_alerts(session, list(whom)):
        by_patient[alert.patient_id].append(alert)
    for alerts in by_patient.values():
        for alert in alerts:
            # What stands in a group nobody has opened hides nothing that stands in the list.
            present: dict[str, int] = {}
            for other in alerts:
                if alert.set_aside or not other.set_aside:
                    present[other.rule] = max(present.get(other.rule, 0), severity_rank(other.severity))
            # A consequence more urgent than its cause stands for itself.
            over = [
                key
                for key, covered in covers.items()
                if alert.rule in covered and present.get(key, 0) >= severity_rank(alert.severity)
            ]
            if over and rule(alert.rule).stands_by_itself(json.loads(alert.numbers)):
                over = []
            # Of several the one that no other of them covers: the reader finds it in the list.
            found = next((key for key in over if not any(key in covers[other] for other in over)), None)
            if alert.covered_by != found:
                alert.covered_by = found
                session.add(alert)
    session.flush()
