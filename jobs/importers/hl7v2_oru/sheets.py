"""HL7 files and folders as sheets, of results and of people, for each sender; and rows that waited, read again."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jobs.importers.canonical import Kind, Refused
from jobs.importers.files import named_files
from jobs.importers.hl7v2_oru.messages import Message, holds_a_message, message_of_text, messages_of, senders_of
from jobs.importers.hl7v2_oru.people import KIND as PEOPLE
from jobs.importers.hl7v2_oru.people import rows_of_person
from jobs.importers.hl7v2_oru.result import KIND, Row, rows_of_message
from jobs.importers.message_row import MessageRow, MessageSheet
from jobs.importers.sheet import Record, Sheet
from models.errors import UsageError

FORMAT = "hl7"
SUFFIXES = (".hl7", ".oru")
IN_FOLDERS = (*SUFFIXES, ".txt", ".dat")


def rows_of(content: bytes, name: str) -> Iterator[Row]:
    """Every result of a file, and everybody a message tells of, in order.

    Raises:
        UsageError: it is not HL7.
    """
    if not holds_a_message(content):
        raise UsageError(f"{name} holds no HL7 message: no segment MSH begins one that can be read.")
    for message in messages_of(content):
        yield from _rows_of(message)


def _rows_of(message: Message) -> Iterator[Row]:
    return rows_of_person(message) if message.tells_of_a_person else rows_of_message(message)


Heard = Callable[[int, Refused], None]
"""Told of a row that is no fact: what tells it from the others of its sheet, and why, with the place in the message."""


@dataclass(frozen=True)
class MessagesOfSender:
    """What one sender says in some content (a file, or what arrived in one frame): results, or of people.

    `heard`: told of each row that is no fact, also of one that came before and is not counted again.
    """

    content: Callable[[], bytes]
    name: str
    sender: str
    heard: Heard | None = None
    kind: Kind = KIND

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet; what was noticed of its messages is told once they are read."""
        warnings: list[str] = []
        records = self._records(warnings)
        sheet: MessageSheet
        if self.heard is None:
            sheet = MessageSheet(self.kind, self.name, records, self.sender, FORMAT)
        else:
            sheet = _OverheardSheet(self.kind, self.name, records, self.sender, FORMAT)
            sheet.heard = self.heard
        sheet.warnings = warnings
        yield sheet

    def _records(self, warnings: list[str]) -> Iterator[Record]:
        noticed: dict[str, list[int]] = {}
        for message in messages_of(self.content(), self.sender):
            if message.tells_of_a_person != (self.kind == PEOPLE):
                continue
            if message.warning:
                noticed.setdefault(message.warning, []).append(message.number)
            for row in _rows_of(message):
                yield row.number, row.row, row.why
        for warning, lines in noticed.items():
            many = "1 message" if len(lines) == 1 else f"{len(lines)} messages"
            warnings.append(f"{self.name} line {lines[0]}: {warning} ({many})")


class _OverheardSheet(MessageSheet):
    """A sheet whose reasons somebody hears: the loader asks it how each refusal is told."""

    heard: Heard

    def told(self, cells: Sequence[str], refused: Refused) -> Refused:
        """The refusal with the place in the message, passed on."""
        told = super().told(cells, refused)
        self.heard(id(cells), told)
        return told


def sheets_of(content: bytes, name: str, heard: Heard | None = None) -> list[MessagesOfSender]:
    """What arrived as messages: for each sender a sheet of people, where it tells of any, and one of results."""
    return _sheets(content, lambda: content, name, heard)


def _sheets(
    content: bytes, again: Callable[[], bytes], name: str, heard: Heard | None = None
) -> list[MessagesOfSender]:
    return [
        MessagesOfSender(again, name, sender, heard, kind)
        for sender, about in senders_of(content).items()
        for of_people, kind in ((True, PEOPLE), (False, KIND))
        if of_people in about
    ]


@dataclass(frozen=True)
class FileWithoutMessages:
    """A file beside others that holds no message: one row, kept with the reason."""

    path: Path
    name: str
    sender: str = FORMAT
    kind: Kind = KIND

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet with its one row."""
        refused = Refused("", "", "the file holds no HL7 message: no segment MSH begins one that can be read")
        sent = _read(self.path)[:2_000].decode("utf-8", "replace")
        row = MessageRow(self.kind, {}, {}, sent, refused)
        yield MessageSheet(self.kind, self.name, iter([(1, row, refused.why)]), self.sender, FORMAT)


@dataclass(frozen=True)
class KeptMessages:
    """Rows of one sender that waited; a row's line is its number among those that wait."""

    name: str
    sender: str
    kept: Sequence[tuple[int, str]]
    kind: Kind = KIND

    @contextmanager
    def open(self) -> Iterator[Sheet]:
        """The sheet of the rows."""
        yield MessageSheet(self.kind, self.name, self._records(), self.sender, FORMAT)

    def _records(self) -> Iterator[Record]:
        for place, (number, text) in enumerate(self.kept):
            for row in _rows_of(message_of_text(text)):
                row.row.message = f"kept {place}"
                yield number, row.row, row.why


def find_messages(paths: Sequence[Path]) -> tuple[Sequence[MessagesOfSender | FileWithoutMessages], list[str]]:
    """The results in files and folders of HL7 messages, and warnings about what was left out.

    Raises:
        UsageError: a path does not exist, a folder holds no such file, or none of the files is HL7.
    """
    files, warnings = named_files(paths, IN_FOLDERS)
    sheets: list[MessagesOfSender | FileWithoutMessages] = []
    good = 0
    for path, name in files:
        content = _read(path)
        if holds_a_message(content):
            good += 1
            sheets += _sheets(content, partial(_read, path), name)
        else:
            sheets.append(FileWithoutMessages(path, name))
    if not good:
        names = ", ".join(name for _, name in files)
        raise UsageError(f"{names} holds no HL7 message: no segment MSH begins one that can be read.")
    return sheets, warnings


def kept_messages(name: str, sender: str, kept: Iterable[tuple[int, str]]) -> list[KeptMessages]:
    """Rows that waited, as they were kept, to be read again: people before results."""
    rows = list(kept)
    people = [row for row in rows if message_of_text(row[1]).tells_of_a_person]
    results = [row for row in rows if row not in people]
    sorted_out: list[tuple[Kind, list[tuple[int, str]]]] = [(PEOPLE, people), (KIND, results)]
    return [KeptMessages(name, sender, some, kind) for kind, some in sorted_out if some]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
