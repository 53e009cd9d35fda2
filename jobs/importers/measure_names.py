"""What results are called: which measure a name speaks of, in the words of laboratories of several countries.

A code is compared with the name it came with, because public code lists contain wrong pairs. But only a name that is
known to mean something else contradicts a code: another measure, or the same analyte in another specimen, as a
fraction, an isoform, a ratio or a share. `CK SerPl-cCnc` and `クレアチンキナーゼ` say nothing against creatine kinase;
`CK-MB`, `CK, urine` and `Creatinine` do.

The names are tables of the vocabulary (`measure_names.csv`, `name_words.csv`), beside its labels and the names of its
codes. They are compared as words, never as parts of words: `Kreatininkinase` is no creatinine.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from models import vocabulary

_UNIT_OF_MEASUREMENT = re.compile(r"\[[^\]]*/[^\]]*\]")
"""What LOINC's long names put in brackets: `[Enzymatic activity/volume]`. Any other bracket may say what it is."""

_LONG_ENOUGH = 5
"""Marks of codes longer than this are names; `core` or `hdl` recognise a name only beside their code."""


@lru_cache(maxsize=16384)
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name: lower case, without accents and punctuation; `%` is a word."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss").replace("ø", "o").casefold())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return tuple(re.findall(r"[^\W_]+|%", plain))


def measure_named(name: str) -> str | None:
    """The measure that has exactly this name and no other's; None where there is none, or more than one."""
    keys = _names(alone=True).get(words_of(name), frozenset())
    return next(iter(keys)) or None if len(keys) == 1 else None


@vocabulary.remembered(maxsize=8192)
def is_named(key: str, name: str) -> bool:
    """Whether a name speaks of a measure and of nothing else."""
    return not another_test(key, name) and (key in meant_by(name) or _has_a_mark_of(key, name))


def _has_a_mark_of(key: str, name: str) -> bool:
    """Whether one of the words by which the codes of a measure are recognised stands in a name."""
    said = " ".join(words_of(name))
    return any(
        f" {' '.join(words_of(part))} " in f" {said} "
        for entry in vocabulary.vocabulary().measure_codes.values()
        if entry.measure == key
        for part in entry.name_contains
    )


@vocabulary.remembered(maxsize=8192)
def another_test(key: str, name: str) -> str:
    """Why a name cannot be that of a measure, in words for a person; '' where it can, or where nobody knows it."""
    said = _said(name)
    if not said:
        return ""
    measure = vocabulary.measure(key)
    label = measure.label
    means = meant_by(name)
    if means and key not in means:
        known = vocabulary.measures().get(min(means))
        return f"{name!r} is {known.label if known else 'another test'} and not {label}"
    row = vocabulary.vocabulary().measure_names.get(key)
    own: frozenset[str] = frozenset() if row is None else row.own_words
    if measure.kind == "laboratory":
        specimen = next((word for word in said if word in _words("another-specimen") and word not in own), "")
        if specimen or _is_prefixed_urine(name, own):
            return f"{name!r} is of another specimen than {label}"
    forms = _words("another-form") | (frozenset() if row is None else row.other_forms)
    share = "%" in said and measure.unit != "%" and not own & {"percent", "ratio"}
    if share or any(word in forms and word not in own for word in said):
        return f"{name!r} is a part, a form or a share of it and not {label}"
    return ""


@vocabulary.remembered(maxsize=8192)
def meant_by(name: str) -> frozenset[str]:
    """The measures that the longest known name within a name means; `''` among them: a test that is no measure here."""
    said = _said(name)
    best: frozenset[str] = frozenset()
    longest = 0
    names = _names()
    for start in range(len(said)):
        for end in range(len(said), start, -1):
            if end - start < longest:
                break
            found = names.get(said[start:end])
            if found is None:
                continue
            best = found if end - start > longest else best | found
            longest = end - start
    return best


def specimen_of_another(key: str, specimens: Iterable[str]) -> str:
    """The specimen, among those named with a result, that a measure is not taken from; '' where there is none."""
    row = vocabulary.vocabulary().measure_names.get(key)
    own: frozenset[str] = frozenset() if row is None else row.own_words
    for one in specimens:
        said = words_of(one)
        if not any(word in _words("blood") for word in said) and any(
            word in _words("another-specimen") and word not in own for word in said
        ):
            return one
    return ""


def _said(name: str) -> tuple[str, ...]:
    return words_of(_UNIT_OF_MEASUREMENT.sub(" ", name))


def _is_prefixed_urine(name: str, own: frozenset[str]) -> bool:
    """`U-CK`, `dU-Krea`: laboratories of the north write the specimen in front."""
    return "urine" not in own and re.match(r"\s*(?:d|t|n|24h)?U[-_ ]\s*[A-Za-z]{2}", name) is not None


@vocabulary.remembered(maxsize=8)
def _words(means: str) -> frozenset[str]:
    """The words of `name_words.csv` that mean this."""
    rows = vocabulary.vocabulary().name_words.values()
    return frozenset(word for row in rows if row.means == means for word in row.words)


@vocabulary.remembered(maxsize=2)
def _names(*, alone: bool = False) -> Mapping[tuple[str, ...], frozenset[str]]:
    """Every known name as its words, with the measures it is used for; `''` among them: a test that is none here.

    `alone`: only what means a measure without a code beside it.
    """
    words = vocabulary.vocabulary()
    found: dict[tuple[str, ...], set[str]] = {}
    for key, row in words.measures.items():
        for name in (row.label, row.short_label, key.replace("_", " "), row.local_code):
            found.setdefault(words_of(name), set()).add(key)
    for known in words.measure_names.values():
        for name in (*known.names, *(() if alone else known.beside_a_code)):
            found.setdefault(words_of(name), set()).add(known.measure)
    for entry in words.measure_codes.values():
        if entry.measure:
            marks = () if alone else (part for part in entry.name_contains if len(part) > _LONG_ENOUGH)
            for name in (entry.name, *marks):
                found.setdefault(words_of(name), set()).add(entry.measure)
                found.setdefault(_said(name), set()).add(entry.measure)
    for row_of_others in words.name_words.values():
        if row_of_others.means == "another-test":
            for name in row_of_others.words:
                if words_of(name) not in found:
                    found[words_of(name)] = {""}
    return {name: frozenset(keys) for name, keys in found.items() if name}
