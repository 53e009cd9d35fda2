"""The resources of a file or message one by one, each with its number and with who speaks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from jobs.importers.canonical import LONGEST_NAME
from jobs.importers.fhir_r4.elements import Body, dict_of, dicts_of, list_of, text_of
from models.errors import UsageError

SUFFIXES = (".json", ".ndjson", ".jsonl")
LINE_SUFFIXES = (".ndjson", ".jsonl")


class Entry(NamedTuple):
    """One resource of a file; `line` is its number there, or its line in NDJSON. `why` tells why it is none.

    `temporary`: its id holds for this message only. `within`: the entry it is contained in.
    """

    line: int
    resource: Body
    sender: str
    full_url: str = ""
    why: str = ""
    sent: Any = None
    temporary: bool = False
    within: "Entry | None" = None

    @property
    def type(self) -> str:
        """The type of the resource."""
        return text_of(self.resource.get("resourceType"))


@dataclass
class Content:
    """A file of resources, or a message that was never a file (`message`)."""

    name: str
    path: Path | None = None
    message: Any = None
    unreadable: str = ""
    _whole: Any = None

    def entries(self) -> Iterator[Entry]:
        """The resources in their order; of a file that cannot be read at all, one entry that says why."""
        if self.unreadable:
            yield Entry(1, {}, "", why=self.unreadable, sent=self.name)
            return
        if self.path is None:
            yield from _entries_of(self.message, self.name)
            return
        if self.path.suffix.lower() in LINE_SUFFIXES:
            yield from self._lines()
            return
        if self._whole is None:
            self._whole = self._read(self.path)
        if isinstance(self._whole, bytes):
            yield from self._lines()
        else:
            yield from _entries_of(self._whole, self.name)

    def check(self) -> None:
        """Find out whether the file can be read at all; one that cannot must not cost the others.

        Raises:
            UsageError: it cannot be read, is not JSON, or not FHIR.
        """
        try:
            next(self.entries(), None)
        except UsageError as error:
            self.unreadable = str(error)
            raise

    def _read(self, path: Path) -> Any:
        try:
            content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
        if not content.strip():
            return []
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError as error:
            # Bulk exports often call their lines .json.
            first = next(line for line in content.splitlines() if line.strip())
            try:
                if isinstance(orjson.loads(first), dict):
                    return content
            except orjson.JSONDecodeError:
                pass
            said = "it is XML; ask for JSON" if content.lstrip()[:1] == b"<" else str(error)
            raise UsageError(f"{self.name} is not JSON: {said}") from error

    def _lines(self) -> Iterator[Entry]:
        assert self.path is not None  # noqa: S101  lines stand in files only
        try:
            with self.path.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    text = line.removeprefix(b"\xef\xbb\xbf").strip()
                    if not text:
                        continue
                    try:
                        found = orjson.loads(text)
                    except orjson.JSONDecodeError as error:
                        sent = text[:2000].decode("utf-8", "replace")
                        yield Entry(number, {}, "", why=f"the line is not JSON: {error}", sent=sent)
                        continue
                    # A bundle on a line is unpacked; its entries have the line's number.
                    for entry in _opened(found):
                        yield entry._replace(line=number)
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror or error}") from error


def _entries_of(whole: Any, name: str) -> Iterator[Entry]:
    if isinstance(whole, dict) and not text_of(whole.get("resourceType")):
        raise UsageError(f"{name} is not FHIR: there is no resourceType.")
    if not isinstance(whole, (dict, list)):
        raise UsageError(f"{name} is not FHIR: it is neither a resource nor a list of resources.")
    items = whole if isinstance(whole, list) else [whole]
    line = 0
    for item in items:
        for entry in _opened(item):
            # What is contained in a resource has its number.
            line += entry.within is None
            yield entry._replace(line=line)


def _opened(item: Any) -> Iterator[Entry]:
    """A resource or those of a bundle, each followed by the results contained in it."""
    for entry in _flat(item, ""):
        yield entry
        inside = dicts_of(entry.resource.get("contained"))
        for one in inside:
            if text_of(one.get("resourceType")) == "Observation":
                # What it refers to by `#` lies beside it.
                yield Entry(0, {**one, "contained": inside}, entry.sender, within=entry)


def _flat(item: Any, sender: str, depth: int = 0) -> Iterator[Entry]:
    """A resource, or those of a bundle, bundles in bundles included."""
    if not isinstance(item, dict) or not text_of(item.get("resourceType")):
        yield Entry(0, {}, sender, why="this is no resource: it has no resourceType", sent=item)
        return
    if item["resourceType"] != "Bundle":
        yield Entry(0, item, _sender_of(item, "", sender))
        return
    within = _source_of(item) or sender
    if item.get("entry") is not None and not isinstance(item["entry"], list):
        yield Entry(0, {}, within, why="the bundle's entry is no list", sent=item)
        return
    for sent in list_of(item.get("entry")):
        entry, request = dict_of(sent), dict_of(dict_of(sent).get("request"))
        resource, method = entry.get("resource"), text_of(request.get("method")).upper()
        if method and method not in {"POST", "PUT"}:
            why = f"{method} is not done here; to take a fact back, send it with the status entered-in-error"
            yield Entry(0, {}, within, why=why, sent=sent)
        elif text_of(dict_of(resource).get("resourceType")) == "Bundle" and depth < 8:
            yield from _flat(resource, within, depth + 1)
        elif not text_of(dict_of(resource).get("resourceType")):
            yield Entry(0, {}, within, why="the entry has no resource with a resourceType", sent=sent)
        else:
            url = text_of(entry.get("fullUrl"))
            # A server that is asked to store it chooses an id of its own.
            temporary = method == "POST" or url.startswith("urn:uuid:")
            yield Entry(0, dict_of(resource), _sender_of(dict_of(resource), url, within), url, temporary=temporary)


def _source_of(resource: Body) -> str:
    # Servers append the number of the request to the source: it changes with every message.
    return text_of(dict_of(resource.get("meta")).get("source")).partition("#")[0]


def _sender_of(resource: Body, full_url: str, otherwise: str) -> str:
    """Who speaks: the source it names, else the server its address is on."""
    said = _source_of(resource)
    if not said and full_url.startswith(("http://", "https://")):
        said = full_url.removesuffix(f"/{text_of(resource.get('id'))}").removesuffix(f"/{resource['resourceType']}")
    return said or otherwise


def sender_name(system: str) -> str:
    """The sender as kept with each fact; `fhir` where the message does not say."""
    return f"fhir:{system}"[:LONGEST_NAME] if system else "fhir"
