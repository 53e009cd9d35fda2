"""HL7 version 2 over the wire (MLLP): `framing` cuts frames, `inbox` keeps and reads, `answer` answers.

What a message says is read by the same importer as a file of it (`jobs.importers.hl7v2_oru`); here is only what the
wire adds: that whoever was told "taken" never has to send it again.
"""
