"""What a rule asks and about what, in words."""

from jobs.rule import Rule, all_rules
from models.vocabulary import drug, events, measures, tests


def rules_by_key() -> dict[str, Rule]:
    """Every rule by its key."""
    return {rule.key: rule for rule in all_rules()}


def question_title(rule: str, subject: str) -> str:
    """A rule's title, and what it looked at unless the title says so already."""
    known = rules_by_key().get(rule)
    title = known.title if known else rule.replace("-", " ").capitalize()
    about = thing_label(subject).split(" (")[0]
    return title if not about or about.lower() in title.lower() else f"{title} · {about}"


def thing_label(subject: str) -> str:
    """A subject of a rule in words: a measure, a drug, a test, an event; empty for the patient as a whole."""
    if subject in {"", "patient"}:
        return ""
    key = subject.split(":", 1)[0]
    if key in measures():
        return measures()[key].short_label + (f" ({subject.split(':', 1)[1]})" if ":" in subject else "")
    if key in tests():
        return tests()[key].label
    known = drug(key)
    if known is not None:
        return known.label
    return events()[key].label if key in events() else subject.replace("_", " ").replace("-", " ")
