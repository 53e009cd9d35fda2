"""HL7 version 2 results (ORU, OUL) as observations: files of one or many messages, with or without batch headers.

The encoding is small enough to be read by hand: MSH says which characters separate, segments end with a carriage return
(or what an editor made of it). Each OBX is one row; a reason names the segment by its number in the file and the field
(`OBX-6`). No message makes a patient: a mistyped record number would become a person. ADT
fills in what is not on file of somebody who is one.
"""

from jobs.importers.hl7v2_oru.encoding import Encoding
from jobs.importers.hl7v2_oru.messages import header_in, messages_of
from jobs.importers.hl7v2_oru.result import Row
from jobs.importers.hl7v2_oru.sheets import (
    FORMAT,
    SUFFIXES,
    find_messages,
    kept_messages,
    rows_of,
    sheets_of,
)

__all__ = [
    "FORMAT",
    "SUFFIXES",
    "Encoding",
    "Row",
    "find_messages",
    "header_in",
    "kept_messages",
    "messages_of",
    "rows_of",
    "sheets_of",
]
