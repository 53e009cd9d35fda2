"""The worked examples printed on the Rules page are true."""

from typing import Any

import pandas as pd
import pytest

from jobs.rule import Example, Rule, all_rules, rule
from tests.frame_answers import on_frames
from tests.frames_builder import AS_OF, Frames, of_example

EXAMPLES = [(one, example) for one in all_rules() for example in one.examples]


def evaluated(one: Rule, frames: Frames) -> pd.DataFrame:
    """The rule's answer as shipped, after the rules it reads."""
    for key in one.after:
        if key not in frames.assessments:
            frames.assessments[key] = evaluated(rule(key), frames)
    return on_frames(one, frames, AS_OF, one.defaults())


def as_expected(value: Any, name: str) -> Any:
    """Dates as offsets from the day asked about; anything else as it is."""
    if name in {"since", "due", "recheck_on"}:
        return None if pd.isna(value) else (pd.Timestamp(value).date() - AS_OF).days
    return value


@pytest.mark.parametrize(("one", "example"), EXAMPLES, ids=[f"{one.key}: {example.title}" for one, example in EXAMPLES])
def test_the_example_is_true(one: Rule, example: Example) -> None:
    wanted = dict(example.expect)
    assert "state" in wanted, "an example says at least which state it expects"
    subject = wanted.pop("subject", None)
    rows = [row for row in evaluated(one, of_example(example)).to_dict("records") if subject in (None, row["subject"])]
    if not rows and wanted == {"state": "not_met"}:
        return  # a rule may say nothing about whom it does not concern
    assert len(rows) == 1, f"{len(rows)} answers for {subject}"
    assert {name: as_expected(rows[0][name], name) for name in wanted} == wanted
