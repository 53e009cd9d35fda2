"""An answer on its way into the database: recognised by its digest, told in full only where somebody will read it."""

import hashlib
from collections.abc import Iterator
from typing import Any

import orjson

from jobs.assessing import Asked, evidence_documents
from jobs.rule import Answer, Rule, rule
from jobs.thresholds import Thresholds
from models.answer_store import Key
from models.patient_facts import PatientFacts
from models.states import State


class AnswerRow:
    """One answer that is `met` or cannot be told. `digest` is cheap; sentences and evidence are made when asked for."""

    __slots__ = ("_full", "_index", "_parameters", "_patient", "_words", "answer", "digest", "rule", "status")

    def __init__(
        self,
        patient: PatientFacts,
        one: Rule,
        status: str,
        answer: Answer,
        parameters: Any,
        marks: str,
        index: dict[str, Any],
    ) -> None:
        self.rule = one
        self.status = status
        self.answer = answer
        self._patient = patient
        self._parameters = parameters
        self._index = index
        self._full: dict[str, Any] | None = None
        self._words: tuple[str, str] | None = None
        said = (marks, *answer[:-1], dict(answer.numbers))
        self.digest = hashlib.blake2b(orjson.dumps(said, default=str), digest_size=12).hexdigest()

    @property
    def state(self) -> State:
        """`met` or `cannot_tell`."""
        return self.answer.state

    def words(self) -> tuple[str, str]:
        """The explanation and the suggested action."""
        if self._words is None:
            cells, one = self.answer.cells(), self.rule
            self._words = one.explain(cells, self._parameters), one.suggested_action(cells, self._parameters)
        return self._words

    def full(self) -> dict[str, Any]:
        """The row of `models.assessment.Assessment`."""
        if self._full is None:
            answer, one = self.answer, self.rule
            cells = answer.cells()
            explanation, action = self.words()
            self._full = {
                "patient_id": self._patient.id,
                "rule": one.key,
                "rule_version": one.version,
                "status": self.status,
                "subject": answer.subject,
                "state": answer.state.value,
                "grade": answer.grade.value if answer.grade else None,
                "severity": answer.severity.value if answer.severity else None,
                "since": cells["since"],
                "due": cells["due"],
                "recheck_on": cells["recheck_on"],
                "explanation": explanation,
                "clears_when": one.ends_when(self._parameters),
                "suggested_action": action,
                "cannot_tell_because": answer.cannot_tell_because,
                "cause": answer.cause.value if answer.cause else None,
                "evidence": orjson.dumps(evidence_documents(self._patient, answer.evidence, self._index)).decode(),
                "numbers": orjson.dumps(dict(answer.numbers), default=str).decode(),
                "digest": self.digest,
            }
        return self._full


class RowMaker:
    """Makes the rows of one run: its thresholds are marked once, so that a changed one makes another digest."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._marks: dict[tuple[str, int | None], str] = {}

    def _mark(self, one: Rule, patient_id: int) -> tuple[Any, str]:
        own = self._thresholds.patients.get(one.key, {}).get(patient_id)
        parameters = self._thresholds.clinic[one.key] if own is None else own
        name = one.key, None if own is None else patient_id
        mark = self._marks.get(name)
        if mark is None:
            mark = f"{one.key} {one.version} {self._thresholds.status[one.key]} {parameters!r}"
            self._marks[name] = mark = hashlib.blake2b(mark.encode(), digest_size=8).hexdigest()
        return parameters, mark

    def rows(self, asked: Asked, keys: set[str] | None = None) -> Iterator[tuple[Key, AnswerRow]]:
        """The answers about a patient that are kept, of all rules or of those named."""
        index: dict[str, Any] = {}
        who = asked.patient.id
        for key, answers in asked.answers.items():
            if keys is not None and key not in keys:
                continue
            one: Rule | None = None
            for answer in answers:
                if answer.state == State.NOT_MET:
                    continue
                if one is None:
                    one = rule(key)
                    parameters, mark = self._mark(one, who)
                    status = self._thresholds.status[key]
                yield (
                    (who, key, answer.subject),
                    AnswerRow(asked.patient, one, status, answer, parameters, mark, index),
                )
