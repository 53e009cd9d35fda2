"""The parts of documents that follow from the code: `python -m tests.documents` writes them anew.

Between `<!-- generated: NAME -->` and `<!-- end -->` a document holds what the code says at this moment: commands,
settings, rules with their thresholds and worked examples. A test compares, so that none of it goes stale.
"""

import ast
import dataclasses
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from jobs.escalation import all_escalations
from jobs.rule import Example, Rule, all_rules, day_text, number, rule
from models.settings import Settings
from models.vocabulary import measures
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, of_example

REPOSITORY = Path(__file__).resolve().parents[1]
PLACE = re.compile(r"(<!-- generated: ([a-z -]+) -->\n)(.*?)(<!-- end -->)", flags=re.DOTALL)

HEADLINE_RULES = (
    "declining-strength",
    "overdue-labs",
    "prolonged-high-dose-steroids",
    "rising-muscle-enzymes",
    "raised-troponin",
)
TOLD_IN_FULL = (
    *HEADLINE_RULES,
    "lung-function",
    "skin-activity",
    "mda5-lung-disease",
    "lung-screening",
    "cancer-screening",
)
"""Rules whose thresholds and worked examples stand in the documents; those of the others are on their page."""
MARKS = {
    "seen": "read in the source",
    "seed": "educational page",
    "contract": "laid down in the specification",
    "default": "site setting",
    "memory": "to be verified",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


# ------------------------------------------------------------------------------------------------ commands and settings


def commands() -> str:
    """Every command of `myopanel` with its arguments and options, as its own help knows them."""
    from dashboard.cli import app

    rows: list[tuple[str, str]] = []

    def walk(command: Any, name: str) -> None:
        inner: Mapping[str, Any] = getattr(command, "commands", None) or {}
        for key, one in inner.items():
            walk(one, f"{name} {key}".strip())
        if inner:
            return
        shown = [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
        words = [_word(one) for one in sorted(shown, key=lambda one: (_is_option(one), not one.required))]
        rows.append((f"`{' '.join(['myopanel', name, *words])}`", " ".join((command.help or "").split())))

    walk(typer.main.get_command(app), "")
    return table(("command", "does"), rows)


def _is_option(one: Any) -> bool:
    return bool(one.opts[0].startswith("-"))


def _word(one: Any) -> str:
    """How an argument or option is written; in brackets what may be left out."""
    if not _is_option(one):
        word = one.metavar or str(one.name).upper()
    else:
        word = "/".join([*one.opts[:1], *one.secondary_opts])
        if not one.is_flag:
            whole_number = one.type_descriptor.annotation is int
            word += f" {one.metavar or ('N' if whole_number else str(one.name).strip('_').upper())}"
    dots = "..." if getattr(one, "multiple", False) else ""
    return f"{word}{dots}" if one.required else f"[{word}]{dots}"


def settings() -> str:
    """Every setting with its default and meaning."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = str(field.default).lower() if isinstance(field.default, bool) else field.default
        shown = "(empty)" if default in (None, "") else f"`{default}`"
        rows.append((f"`MYOPANEL_{name.upper()}`", shown, field.description or ""))
    return table(("setting", "default", "meaning"), rows)


def interfaces() -> str:
    """What can be imported, and what other programs may ask over HTTP: the modules there are, in their own words."""
    rows = []
    ours = {"__init__", "canonical", "coded", "files", "load", "loading", "sheet"}
    for folder, how in (("jobs/importers", "import"), ("dashboard/api", "HTTP")):
        there = {path.stem: path for path in (REPOSITORY / folder).glob("*.py")}
        there |= {path.parent.name: path for path in (REPOSITORY / folder).glob("*/__init__.py")}
        for name, path in sorted(there.items()):
            if name not in ours:
                said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
                rows.append((how, " ".join(said.split("\n\n")[0].split()), f"`{path.relative_to(REPOSITORY)}`"))
    return table(("way", "what", "where"), rows)


# ---------------------------------------------------------------------------------------------------------------- rules


def rules() -> str:
    """Every rule with its question, status and version."""
    return table(
        ("rule", "asks", "status as shipped", "version", "catalogue"),
        (
            (f"`{one.key}`", one.question, one.status, one.version, ", ".join(one.catalogue))
            for one in sorted(all_rules(), key=lambda one: one.key)
        ),
    )


def thresholds(key: str) -> str:
    """The thresholds of a rule with unit, meaning and mark."""
    rows = []
    for field in rule(key).parameter_fields():
        meta = field.metadata
        default = "yes" if field.default is True else "no" if field.default is False else str(field.default)
        said = meta["meaning"] + (f" ({meta['source']})" if meta["source"] else "")
        rows.append((f"`{field.name}`", f"{default} {meta['unit']}".strip(), said, MARKS[meta["mark"]]))
    return table(("parameter", "default", "meaning", "how it is known"), rows)


def from_memory() -> str:
    """Thresholds of rules and suggestions that nobody has seen in a source, and what they do as shipped."""
    rows = []
    for one in sorted(all_rules(), key=lambda one: one.key):
        for field in one.parameter_fields():
            if field.metadata["mark"] == "memory":
                acts = f"the rule's status is {one.status}"
                rows.append((f"`{one.key}.{field.name}`", _number(field), acts))
    for other in all_escalations():
        for field in dataclasses.fields(other.parameters):
            if field.metadata.get("mark") == "memory":
                rows.append((f"`{other.key}.{field.name}`", _number(field), "a suggestion, marked there"))
    return table(("threshold", "as shipped", "where it acts"), rows)


def _number(field: "dataclasses.Field[Any]") -> str:
    return f"{field.default} {field.metadata['unit']}".strip()


def examples(key: str) -> str:
    """The worked examples of a rule: what is on file, and what the rule says to it."""
    return table(("on file", "answer"), (_example(rule(key), example) for example in rule(key).examples))


def _example(one: Rule, example: Example) -> tuple[str, str]:
    frames = of_example(example)
    for key in one.after:
        before = rule(key)
        frames.assessments[key] = on_frames(before, frames, AS_OF, before.defaults())
    subject = example.expect.get("subject")
    rows = [
        row
        for row in on_frames(one, frames, AS_OF, one.defaults()).to_dict("records")
        if subject in (None, row["subject"])
    ]
    facts = "; ".join(_facts(example)) or "nothing"
    title = f"*{example.title[0].upper()}{example.title[1:]}.* "
    if not rows:
        return title + facts, "nothing to say"
    row: dict[str, Any] = {str(name): value for name, value in rows[0].items()}
    words = [str(row["state"]).replace("_", " "), row["grade"], row["severity"]]
    answer = "**" + ", ".join(str(word) for word in words if word) + "**"
    return title + facts, f"{answer}: {one.explain(row, one.defaults())}"


def _when(offset: int) -> str:
    if offset == 0:
        return "today"
    return f"{-offset} d ago" if offset < 0 else f"in {offset} d"


def _facts(example: Example) -> Iterable[str]:
    by_measure: dict[str, list[str]] = {}
    for fact in example.observations:
        known = measures()[fact["measure"]]
        limit = f" (limit {number(fact['upper_limit'])})" if fact.get("upper_limit") else ""
        by_measure.setdefault(known.short_label, []).append(f"{number(fact['value'])}{limit} {_when(fact['day'])}")
    for name, said in by_measure.items():
        yield f"{name} {', '.join(said)}"
    for fact in example.medications:
        dose = f"{number(fact['dose'])} {fact.get('unit', 'mg')} {fact.get('frequency', 'daily')}"
        route = f" {fact['route']}" if fact.get("route", "oral") != "oral" else ""
        end = f" to {_when(fact['end'])}" if "end" in fact else ""
        yield f"{fact['drug']} {dose}{route} since {_when(fact['start'])}{end}"
    for fact in example.events:
        gone = "" if fact.get("present", "yes") in ("yes", True) else " recorded as absent"
        yield f"{fact['event'].replace('_', ' ')}{gone} {_when(fact['day'])}"


def day_of_examples() -> str:
    """The day on which the examples are asked about."""
    return f"All examples are asked about on {day_text(AS_OF)}."


PARTS: Mapping[str, Callable[[], str]] = {
    "commands": commands,
    "settings": settings,
    "interfaces": interfaces,
    "rules": rules,
    "from memory": from_memory,
    "day of examples": day_of_examples,
    **{f"thresholds {key}": (lambda key=key: thresholds(key)) for key in TOLD_IN_FULL},  # type: ignore[misc]
    **{f"examples {key}": (lambda key=key: examples(key)) for key in TOLD_IN_FULL},  # type: ignore[misc]
}


def documents() -> list[Path]:
    """Every document that may hold generated parts."""
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def written_anew(text: str) -> str:
    """The document with its generated parts as they would be written now.

    Raises:
        KeyError: it names a part that nothing generates.
    """
    return PLACE.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}\n{found[4]}", text)


def main() -> int:
    """Write the generated parts; prints the documents that changed."""
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = written_anew(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(REPOSITORY).as_posix()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
