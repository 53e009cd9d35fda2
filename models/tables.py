"""Every table, imported once, so that the metadata is complete for migrations and tests."""

from sqlmodel import SQLModel

from models.absence import Absence
from models.alert import Alert, AlertEvent
from models.assessment import Assessment, EvaluationRun, RuleInForce
from models.delivery import Delivery
from models.event import ClinicalEvent
from models.import_batch import ImportBatch, ImportFile, RejectedRow
from models.job_run import Installation, JobRun, Lease, OutboxMessage
from models.medication import MedicationStatement
from models.merging import PatientMerge
from models.observation import Observation, ObservationItem
from models.own_vocabulary import OwnRow, VocabularyTrial
from models.packed_facts import PackedFacts
from models.patient import Patient
from models.patient_summary import PatientGap, PatientLab, PatientSummary
from models.received_message import ReceivedMessage
from models.response_baseline import ResponseBaseline
from models.rule_setting import RuleSetting, RuleStatusChange
from models.seen_once import SeenOnce
from models.suggestion import SuggestionAnswer
from models.table_mapping import KeptMapping
from models.taper_plan import MonitoringPause, TaperPlan, TaperStep
from models.user import AuditEvent, PatientReview, User, UserSession
from models.waiting import SenderMapping, WaitingRow

METADATA = SQLModel.metadata

__all__ = [
    "METADATA",
    "Absence",
    "Alert",
    "AlertEvent",
    "Assessment",
    "AuditEvent",
    "ClinicalEvent",
    "Delivery",
    "EvaluationRun",
    "ImportBatch",
    "ImportFile",
    "Installation",
    "JobRun",
    "KeptMapping",
    "Lease",
    "MedicationStatement",
    "MonitoringPause",
    "Observation",
    "ObservationItem",
    "OutboxMessage",
    "OwnRow",
    "PackedFacts",
    "Patient",
    "PatientGap",
    "PatientLab",
    "PatientMerge",
    "PatientReview",
    "PatientSummary",
    "ReceivedMessage",
    "RejectedRow",
    "ResponseBaseline",
    "RuleInForce",
    "RuleSetting",
    "RuleStatusChange",
    "SeenOnce",
    "SenderMapping",
    "SuggestionAnswer",
    "TaperPlan",
    "TaperStep",
    "User",
    "UserSession",
    "VocabularyTrial",
    "WaitingRow",
]
