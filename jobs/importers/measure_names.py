"""What results are called: which measure a name speaks of, in the words of laboratories of several countries.

A code is compared with the name it came with, because public code lists contain wrong pairs. But only a name that is
known to mean something else contradicts a code: `CK SerPl-cCnc` and `クレアチンキナーゼ` say nothing against creatine
kinase, `CK-MB`, `Troponin I` beside the code of troponin T, and `Creatinine, urine` do.

Names are compared as words, never as parts of words: `Kreatininkinase` is no creatinine.
"""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from models import vocabulary

NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ck": (
            "ck", "cpk", "creatine kinase", "creatine phosphokinase", "creatinkinase", "kreatinkinase",
            "kreatininkinase", "creatinkinase gesamt", "ck gesamt", "ck nac", "ck total", "total ck", "ck totale",
            "creatine kinase total", "creatine kinasa", "creatina kinasa", "creatinquinasa", "creatina quinasa",
            "creatinfosfoquinasa", "creatinofosfoquinase", "creatinoquinase", "creatina quinase", "creatinchinasi",
            "creatinfosfochinasi", "creatine fosfokinase", "kreatinfosfokinas", "kreatinkinas", "kinaza kreatynowa",
            "creatine phosphokinase cpk", "cpk total",
        ),
        "troponin_t": (
            "troponin t", "troponine t", "troponina t", "trop t", "tnt", "ctnt", "tnths", "hs ctnt", "hstnt", "hs tnt",
            "cardiac troponin t", "troponin t cardiac",
        ),
        "troponin_i": (
            "troponin i", "troponine i", "troponina i", "trop i", "tni", "ctni", "tnihs", "hs ctni", "hstni", "hs tni",
            "cardiac troponin i", "troponin i cardiac",
        ),
        "aldolase": ("aldolase", "aldolasa", "aldolasi", "aldolas"),
        "ldh": (
            "ldh", "ld", "lactate dehydrogenase", "lactic dehydrogenase", "laktatdehydrogenase", "lactatdehydrogenase",
            "lactate deshydrogenase", "lactato deshidrogenasa", "lactato desidrogenase", "lattato deidrogenasi",
            "laktatdehydrogenas", "desidrogenase lactica", "deshidrogenasa lactica",
        ),
        "ast": (
            "ast", "asat", "got", "sgot", "aspartate aminotransferase", "aspartat aminotransferase",
            "aspartate transaminase", "aspartato aminotransferasa", "aspartato aminotransferase", "tgo", "asat got",
            "aspartataminotransferase", "aspartate amino transferase", "glutamat oxalacetat transaminase",
        ),
        "alt": (
            "alt", "alat", "gpt", "sgpt", "alanine aminotransferase", "alanin aminotransferase", "alanine transaminase",
            "alanina aminotransferasa", "alanina aminotransferase", "tgp", "alat gpt", "alaninaminotransferase",
            "alanine amino transferase", "glutamat pyruvat transaminase",
        ),
        "crp": (
            "crp", "c reactive protein", "hs crp", "hscrp", "c reaktives protein", "proteine c reactive",
            "proteina c reactiva", "proteina c reattiva", "proteina c reativa", "pcr", "c reaktivt protein",
            "c reactief proteine",
        ),
        "esr": (
            "esr", "sed rate", "sedimentation rate", "erythrocyte sedimentation rate", "bsg", "bks",
            "blutsenkung", "blutkorperchensenkung", "vitesse de sedimentation", "vsg", "velocidad de sedimentacion",
            "ves", "bezinking", "sedimentation",
        ),
        "creatinine": (
            "creatinine", "creat", "crea", "kreatinin", "creatinin", "creatinina", "krea", "serum creatinine",
            "kreatynina", "creatininemie",
        ),
        "haemoglobin": (
            "haemoglobin", "hemoglobin", "hgb", "hb", "hamoglobin", "hemoglobine", "hemoglobina", "emoglobina",
            "hemoglobin blood",
        ),
        "white_cells": (
            "white cell count", "white cells", "white blood cells", "white blood cell count", "wbc", "leukocytes",
            "leucocytes", "leukozyten", "leucociti", "leucocitos", "leukocyten", "globules blancs", "leukocyter",
            "white count", "white blood count",
        ),
        "neutrophils": (
            "neutrophils", "neutrophil count", "neutrophile", "neutrofili", "neutrofilos", "neutrofielen",
            "absolute neutrophil count", "anc", "polynucleaires neutrophiles", "neutrophil",
        ),
        "platelets": (
            "platelets", "platelet", "platelet count", "plt", "thrombozyten", "thrombocytes", "plaquettes",
            "plaquetas", "piastrine", "trombocyten", "thrombocyten", "trombocyter",
        ),
        "hba1c": (
            "hba1c", "hemoglobin a1c", "haemoglobin a1c", "a1c", "glycated haemoglobin", "glycated hemoglobin",
            "glycosylated hemoglobin", "hemoglobine glyquee", "hemoglobina glicada", "hemoglobina glicosilada",
            "hb a1c",
        ),
        "tpmt": ("tpmt", "thiopurine methyltransferase", "thiopurine s methyltransferase"),
        "hbsag": (
            "hbsag", "hbs ag", "hepatitis b surface antigen", "hbv surface ag", "hepatitis b virus surface ag",
            "hbs antigen", "antigene hbs", "antigeno hbs",
        ),
        "anti_hbc": (
            "anti hbc", "hbc ab", "hbcab", "hepatitis b core antibody", "hbv core ab", "hepatitis b virus core ab",
            "hepatitis b core ab",
        ),
        "anti_hcv": (
            "anti hcv", "hcv ab", "hepatitis c antibody", "hepatitis c virus ab", "hepatitis c ab", "hcv antibody",
        ),
        "igg": ("igg", "immunoglobulin g", "immunglobulin g", "immunoglobuline g", "inmunoglobulina g"),
        "gamma_gt": (
            "ggt", "gamma gt", "gammagt", "gamma glutamyl transferase", "gamma glutamyltransferase", "ygt",
            "gamma glutamyl transpeptidase",
        ),
        "bilirubin": ("bilirubin", "bilirubin total", "total bilirubin", "bilirubine", "bilirubina"),
        "albumin": ("albumin", "albumine", "albumina"),
        "mcv": ("mcv", "mean corpuscular volume", "erythrocyte mean corpuscular volume"),
        "lymphocytes": ("lymphocytes", "lymphocyte count", "lymphozyten", "linfociti", "linfocitos", "lymphocyten"),
        "eosinophils": ("eosinophils", "eosinophil count", "eosinophile", "eosinofili", "eosinofilos"),
        "egfr": ("egfr", "gfr", "glomerular filtration rate", "glomerular filtration rate predicted"),
        "potassium": ("potassium", "kalium", "potasio", "potassio"),
        "magnesium": ("magnesium", "magnesio"),
        "urine_protein": (
            "urine protein", "protein in urine", "protein urine", "urine protein creatinine ratio",
            "protein creatinine ratio in urine", "protein to creatinine ratio in urine", "protein creatinine ratio",
        ),
        "tacrolimus_level": ("tacrolimus", "fk506", "tacrolimus level"),
        "ciclosporin_level": ("ciclosporin", "cyclosporin", "cyclosporine", "ciclosporin level"),
        "cholesterol": ("cholesterol", "total cholesterol", "cholesterin", "cholesterol total"),
        "hdl_cholesterol": ("hdl", "hdl cholesterol", "cholesterol in hdl", "hdl c"),
        "triglycerides": ("triglycerides", "triglyceride", "triglyzeride"),
        "glucose": ("glucose", "glukose", "blood sugar", "glucosa", "glicose", "glucosio", "glycemie"),
        "hiv": ("hiv", "hiv 1 2", "hiv antigen and antibody"),
        "vzv_igg": ("varicella igg", "vzv igg", "varicella zoster igg", "varicella zoster virus igg"),
        "igra": ("igra", "quantiferon", "interferon gamma release assay"),
        "hbv_dna": ("hbv dna", "hepatitis b virus dna"),
        "systolic": ("systolic", "systolic blood pressure", "sbp", "systolic bp"),
        "diastolic": ("diastolic", "diastolic blood pressure", "dbp", "diastolic bp"),
        "hcg": ("hcg", "pregnancy test", "choriogonadotropin"),
        "oxygen_saturation": ("oxygen saturation", "spo2", "sao2"),
        "ferritin": ("ferritin", "ferritine", "ferritina"),
        "weight": ("weight", "body weight", "gewicht", "korpergewicht", "poids", "peso", "wt"),
        "height": ("height", "body height", "grosse", "korpergrosse", "taille", "talla", "altura", "altezza"),
        "fvc_percent": ("fvc percent", "fvc percent predicted", "fvc pct", "forced vital capacity percent predicted"),
        "dlco_percent": ("dlco percent", "dlco percent predicted", "dlco pct"),
        "nif": ("nif", "mip", "negative inspiratory force", "maximal inspiratory pressure"),
        "cmas": ("cmas", "cmas total", "cmas score", "childhood myositis assessment scale"),
        "mmt8": ("mmt8", "mmt 8", "mmt8 total", "mmt 8 total", "mmt8 score", "manual muscle testing 8"),
        "mmt8_bilateral": ("mmt8 bilateral", "mmt 8 bilateral", "mmt8 both sides"),
        "mmt_total": ("mmt total", "mmt26", "mmt 26", "total mmt"),
        "physician_global": (
            "physician global", "physician global assessment", "physician global activity", "mdga", "phga",
            "physician vas", "md global", "physician global vas", "physician global disease activity",
        ),
        "patient_global": (
            "patient global", "patient global assessment", "patient global activity", "ptga", "patient vas",
            "patient global vas", "parent global", "patient global disease activity",
        ),
        "extramuscular_global": ("extramuscular global", "extramuscular global activity", "extramuscular activity"),
        "pain": ("pain", "pain vas", "pain severity", "schmerz", "douleur"),
        "haq": ("haq", "haq di", "haq disability index"),
        "chaq": ("chaq", "chaq di", "chaq disability index"),
        "cdasi_activity": ("cdasi", "cdasi activity"),
    }
)  # fmt: skip
"""Beside the vocabulary's own labels and the names of its codes; without accents and punctuation."""

NAMES_OF_OTHERS: tuple[str, ...] = (
    "lactate", "lactic acid", "laktat", "myoglobin", "creatine", "kreatin", "ck mb", "ckmb", "mb fraction",
    "mb isoenzyme",
    "direct bilirubin", "bilirubin direct", "conjugated bilirubin", "ldl", "ldl cholesterol", "cholesterol in ldl",
    "cystatin c", "procalcitonin", "protein c", "prealbumin", "haptoglobin", "carboxyhemoglobin", "methemoglobin",
    "hemoglobin s", "hemoglobin f", "mean platelet volume", "mpv", "mch", "mchc", "mean corpuscular hemoglobin",
    "mean corpuscular hemoglobin concentration", "rdw", "hematocrit", "reticulocytes", "erythrocytes", "monocytes",
    "basophils", "iga", "igm", "ige", "igd", "immunoglobulin a", "immunoglobulin m", "immunoglobulin e", "sodium",
    "calcium", "chloride", "phosphate", "urea", "bun", "urate", "uric acid", "alkaline phosphatase", "alp", "lipase",
    "amylase", "nt probnp", "bnp", "transferrin", "iron", "tsh", "thyrotropin", "troponin c", "creatinine clearance",
    "glucose 6 phosphate dehydrogenase", "g6pd", "body mass index", "bmi", "birth weight", "ideal body weight",
    "hepatitis b surface antibody", "hbs ab", "anti hbs", "hepatitis b virus surface ab",
)  # fmt: skip
"""What is often mistaken for one of our measures, or holds the words of one."""

_NOT_FOR: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # The isoforms and complexes of creatine kinase and its share of them.
        "ck": frozenset({"mb", "bb", "mm", "macro", "makro", "isoenzyme", "isoenzymes", "isoform", "isoforms"}),
        "ldh": frozenset({"isoenzyme", "isoenzymes", "ldh1", "ldh2", "ldh3", "ldh4", "ldh5"}),
        "ast": frozenset({"mitochondrial", "macro"}),
        "bilirubin": frozenset({"direct", "indirect", "conjugated", "unconjugated", "direkt", "indirekt"}),
        **dict.fromkeys(
            ("white_cells", "neutrophils", "lymphocytes", "eosinophils", "platelets"),
            frozenset({"nfr", "percent", "fraction", "%", "immature", "reticulated"}),
        ),
    }
)
_OTHER_SPECIMEN = frozenset(
    {"urine", "urin", "ur", "urinary", "orina", "csf", "liquor", "lcr", "pleural", "plr", "synovial", "synv", "ascites",
     "saliva", "stool", "fluid", "fld", "dialysate", "semen"}
)  # fmt: skip
_RATIO = frozenset({"ratio", "rto", "mrto", "crto", "srto", "quotient", "index"})
_IN_URINE = frozenset({"urine_protein", "hcg"})
_RATIOS = frozenset({"urine_protein", "haq", "chaq", "egfr", "fvc_percent", "dlco_percent", "hba1c"})


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name: lower case, without accents and punctuation; `%` is a word."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return tuple(re.findall(r"[^\W_]+|%", plain))


@vocabulary.remembered(maxsize=1)
def _known() -> Mapping[tuple[str, ...], frozenset[str]]:
    """Every known name as its words, with the measures it is used for; an empty set for something else."""
    known: dict[tuple[str, ...], set[str]] = {words_of(name): set() for name in NAMES_OF_OTHERS}
    for key, row in vocabulary.measures().items():
        for name in (row.label, row.short_label, key.replace("_", " "), *NAMES.get(key, ())):
            known.setdefault(words_of(name), set()).add(key)
    for entry in vocabulary.vocabulary().measure_codes.values():
        if entry.measure:
            known.setdefault(words_of(entry.name), set()).add(entry.measure)
    return {words: frozenset(keys) for words, keys in known.items() if words}


@vocabulary.remembered(maxsize=1)
def _longest() -> int:
    return max(map(len, _known()))


def spoken_of(name: str) -> tuple[frozenset[str], bool]:
    """The measures whose names stand in a name, and whether that of something else does. Longer names go first."""
    words, known = words_of(name), _known()
    found: set[str] = set()
    others = False
    place = 0
    while place < len(words):
        for length in range(min(_longest(), len(words) - place), 0, -1):
            keys = known.get(words[place : place + length])
            if keys is not None:
                found |= keys
                others = others or not keys
                place += length
                break
        else:
            place += 1
    return frozenset(found), others


def measure_named(name: str) -> str | None:
    """The measure that has exactly this name and no other's; None where there is none, or more than one."""
    keys = _known().get(words_of(name), frozenset())
    return next(iter(keys)) if len(keys) == 1 else None


@vocabulary.remembered(maxsize=4096)
def is_named(key: str, name: str) -> bool:
    """Whether a name speaks of a measure and of nothing else."""
    found, _ = spoken_of(name)
    return (key in found or _has_a_mark_of(key, name)) and not contradicts(key, name)


def _has_a_mark_of(key: str, name: str) -> bool:
    """Whether one of the words by which the codes of a measure are recognised stands in a name."""
    said = " ".join(words_of(name))
    return any(
        f" {' '.join(words_of(part))} " in f" {said} "
        for entry in vocabulary.vocabulary().measure_codes.values()
        if entry.measure == key
        for part in entry.name_contains
    )


@vocabulary.remembered(maxsize=4096)
def contradicts(key: str, name: str) -> bool:
    """Whether a name that was sent is known to mean something else. A name nobody knows contradicts nothing."""
    words = frozenset(words_of(name))
    if words & _NOT_FOR.get(key, frozenset()):
        return True
    if words & _OTHER_SPECIMEN and key not in _IN_URINE and vocabulary.measure(key).kind == "laboratory":
        return True
    if words & _RATIO and key not in _RATIOS and vocabulary.measure(key).kind == "laboratory":
        return True
    found, others = spoken_of(name)
    return key not in found and (bool(found) or others)
