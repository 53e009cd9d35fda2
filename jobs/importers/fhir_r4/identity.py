"""What its sender calls a resource, so that a later one is recognised as a version of it.

A server keeps the id of a resource for ever. A message often has an id only for itself (a bundle whose addresses are
`urn:uuid:`, or that asks a server to choose one), or none: there the business identifier is what stays.
"""

from hashlib import blake2b

from jobs.importers.canonical import LONGEST_NAME
from jobs.importers.fhir_r4.elements import Body, codings_of, dict_of, dicts_of, text_of
from jobs.importers.fhir_r4.entries import Entry

_OF_SEVERAL = frozenset({"PLAC", "PGN", "ACSN"})
"""Types of identifiers that all results of an order, a group or a specimen share."""


def source_id_of(entry: Entry) -> str:
    """The sender's id of an entry, '' where it has none."""
    return _bounded(_named(entry))


def _named(entry: Entry) -> str:
    resource = entry.resource
    own = text_of(resource.get("id"))
    number = identifier_of(resource)
    if entry.within is not None:
        # The id of a contained resource holds within its container only.
        outer = _named(entry.within)
        return number or (f"{outer}#{own}" if outer and own else "")
    return own if own and (not entry.temporary or not number) else number


def identifier_of(resource: Body) -> str:
    """The business identifier as `system|value`, that of the resource itself before one that several share."""
    given = [
        one for one in dicts_of(resource.get("identifier")) if text_of(one.get("value")) and one.get("use") != "old"
    ]
    its_own = [
        one for one in given if not _OF_SEVERAL & {text_of(code.get("code")) for code in codings_of(one.get("type"))}
    ]
    chosen = next(iter(its_own), {})
    if not chosen:
        return ""
    return f"{text_of(dict_of(chosen).get('system'))}|{text_of(chosen.get('value'))}"


def _bounded(name: str) -> str:
    if len(name) <= LONGEST_NAME:
        return name
    return f"{name[:150]}~{blake2b(name.encode(), digest_size=16).hexdigest()}"
