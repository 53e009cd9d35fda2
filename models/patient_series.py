"""Each patient's current, valid observations packed in columns: what an evaluation reads instead of single rows.

Reading is the cost of an evaluation, not the rules: a row fetched from a database becomes a dozen Python objects. Here
a patient's history is one value of plain numbers that numpy takes over as it stands. It is derived and never the truth:
an entry counts only while its `revision` is the patient's, anything else is packed anew from the rows.
"""

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlmodel import col

from models.frames import COLUMNS, Columns, texts
from models.observation import VALID, Observation
from models.packed_series import PatientSeries
from models.patient import Patient
from models.rows import columns_of, fetch

MAGIC = b"MS01"
CHUNK = 500
ROW_BYTES = sum(np.dtype(kind).itemsize for _, kind in COLUMNS)


def _empty() -> Columns:
    return Columns(
        patient=np.array([], "int64"),
        **{name: np.array([], kind) for name, kind in COLUMNS},
        measures=[],
        assays=[None],
        assessors=[None],
    )


def read_columns(connection: sa.Connection, conditions: Sequence[Any]) -> Columns:
    """Observations straight from the rows that fulfil `conditions` (on the columns of `Observation`)."""
    table: Any = Observation
    query = sa.select(
        table.id,
        table.patient_id,
        table.measure,
        table.value,
        table.comparator,
        table.upper_limit,
        table.assay,
        table.assessor,
        table.effective_on,
        table.received_on,
        table.effective_at,
    ).where(*conditions)
    rows = fetch(connection, query)
    if not rows:
        return _empty()
    got = columns_of(rows, 11)
    del rows
    identifier = np.array(got[0], "int64")
    patient = np.array(got[1], "int64")
    day = np.array(got[8], "datetime64[D]").astype("int64").astype("int32")
    measure, measures = _coded(got[2], none=False)
    assay, assays = _coded(got[6], none=True)
    assessor, assessors = _coded(got[7], none=True)
    # Instants sort as their text on SQLite and as themselves on PostgreSQL.
    moment = np.unique(texts(got[10]), return_inverse=True)[1]
    order = np.lexsort((identifier, moment, day, measure, patient))
    return Columns(
        patient=patient[order],
        id=identifier[order],
        day=day[order],
        received=np.array(got[9], "datetime64[D]").astype("int64").astype("int32")[order],
        value=np.array(got[3], "float64")[order],
        limit=np.array(got[5], "float64")[order],
        measure=measure[order],
        assay=assay[order],
        assessor=assessor[order],
        comparator=np.array([1 if sign == "<" else 2 if sign == ">" else 0 for sign in got[4]], "uint8")[order],
        measures=[str(name) for name in measures],
        assays=assays,
        assessors=assessors,
    )


def _coded(values: Sequence[Any], *, none: bool) -> tuple[np.ndarray, list[Any]]:
    """Codes in the sorted order of the texts; with `none`, 0 stands for nothing given."""
    found = sorted({value for value in values if value})
    names: list[Any] = [None, *found] if none else found
    code = {name: place for place, name in enumerate(names)}
    if none:
        return np.array([code[value] if value else 0 for value in values], "uint16"), names
    return np.array([code[value] for value in values], "uint16"), names


def _packed(rows: Columns, begin: int, end: int) -> bytes:
    part = rows.take(np.arange(begin, end))
    header: dict[str, Any] = {}
    arrays = {name: getattr(part, name) for name, _ in COLUMNS}
    for name, names, plain in (
        ("measure", rows.measures, False),
        ("assay", rows.assays, True),
        ("assessor", rows.assessors, True),
    ):
        used = np.unique(arrays[name])
        if plain:
            used = np.union1d(used, [0])
        header[name] = [names[code] for code in used.tolist()]
        arrays[name] = np.searchsorted(used, arrays[name])
    head = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    body = b"".join(np.ascontiguousarray(arrays[name], dtype=kind).tobytes() for name, kind in COLUMNS)
    return MAGIC + struct.pack("<II", end - begin, len(head)) + head + body


def refresh(connection: sa.Connection, patient_ids: Sequence[int]) -> int:
    """Pack those of the patients whose entry is not of their revision; returns how many were packed."""
    table: Any = PatientSeries
    packed = 0
    for chunk in _chunks(sorted(patient_ids)):
        stale: dict[int, int] = {
            int(row[0] or 0): int(row[1])
            for row in connection.execute(
                sa.select(col(Patient.id), col(Patient.revision))
                .join(PatientSeries, col(PatientSeries.patient_id) == col(Patient.id), isouter=True)
                .where(
                    col(Patient.id).in_(chunk),
                    sa.or_(table.revision.is_(None), table.revision != col(Patient.revision)),
                )
            )
        }
        if not stale:
            continue
        entries = [
            {"patient_id": patient, "revision": stale[patient], "packed": value}
            for patient, value in _pack(connection, sorted(stale))
        ]
        connection.execute(sa.delete(PatientSeries).where(table.patient_id.in_(list(stale))))
        connection.execute(sa.insert(PatientSeries), entries)
        packed += len(entries)
    return packed


def _pack(connection: sa.Connection, patient_ids: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    rows = read_columns(connection, [*_current(), col(Observation.patient_id).in_(list(patient_ids))])
    begin = np.searchsorted(rows.patient, patient_ids, side="left")
    end = np.searchsorted(rows.patient, patient_ids, side="right")
    for patient, first, last in zip(patient_ids, begin.tolist(), end.tolist(), strict=True):
        yield patient, _packed(rows, first, last)


def _current() -> list[Any]:
    return [col(Observation.known_to).is_(None), col(Observation.status).in_(VALID)]


def read_series(connection: sa.Connection, patient_ids: Sequence[int] | None, statuses: Sequence[str]) -> Columns:
    """Current observations of the patients (None: of all with one of `statuses`), from entries where they are valid."""
    table: Any = PatientSeries
    query = (
        sa.select(col(Patient.id), col(Patient.revision), table.revision, table.packed)
        .join(PatientSeries, table.patient_id == col(Patient.id), isouter=True)
        .where(col(Patient.status).in_(list(statuses)))
        .order_by(col(Patient.id))
    )
    found: list[Sequence[Any]] = []
    if patient_ids is None:
        found = fetch(connection, query)
    else:
        for chunk in _chunks(sorted(patient_ids)):
            found += fetch(connection, query.where(col(Patient.id).in_(chunk)))
    entries: dict[int, bytes] = {
        patient: bytes(packed) for patient, revision, of, packed in found if of == revision and packed is not None
    }
    stale = [patient for patient, *_ in found if patient not in entries]
    for chunk in _chunks(stale):
        entries.update(_pack(connection, chunk))
    return _unpacked(sorted(entries.items()))


def _unpacked(entries: Sequence[tuple[int, bytes]]) -> Columns:
    """Many patients' entries as one set of columns; codes are translated to common names, header by header."""
    headers: dict[bytes, int] = {}
    header_of: list[int] = []
    counts: list[int] = []
    pieces: dict[str, list[memoryview]] = {name: [] for name, _ in COLUMNS}
    widths = [(name, np.dtype(kind).itemsize) for name, kind in COLUMNS]
    for _, packed in entries:
        rows, head = struct.unpack_from("<II", packed, 4)
        header_of.append(headers.setdefault(packed[12 : 12 + head], len(headers)))
        counts.append(rows)
        place = 12 + head
        view = memoryview(packed)
        for name, width in widths:
            pieces[name].append(view[place : place + width * rows])
            place += width * rows
    number = np.array(counts, "int64")
    if not number.sum():
        return _empty()
    arrays = {name: np.frombuffer(b"".join(pieces[name]), dtype=kind) for name, kind in COLUMNS}
    pieces.clear()
    names: dict[str, list[Any]] = {"measure": [], "assay": [None], "assessor": [None]}
    decoded = [json.loads(head) for head in headers]
    for name, known in names.items():
        known += sorted({one for head in decoded for one in head[name] if one} - set(known))
        place_of = {one: place for place, one in enumerate(known)}
        most = max(len(head[name]) for head in decoded)
        table = np.zeros((len(decoded), max(most, 1)), "uint16")
        for row, head in enumerate(decoded):
            table[row, : len(head[name])] = [place_of[one] for one in head[name]]
        arrays[name] = table[np.repeat(np.array(header_of), number), arrays[name]]
    return Columns(
        patient=np.repeat(np.array([patient for patient, _ in entries], "int64"), number),
        **arrays,
        measures=names["measure"],
        assays=names["assay"],
        assessors=names["assessor"],
    )


def _chunks(values: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(values), CHUNK):
        yield list(values[start : start + CHUNK])
