"""What the name of a test says it is, whatever its code: names compared as words, in several languages.

A name contradicts a code only if it is known to mean something else: another measure, or the same analyte in another
specimen, as a fraction, an isoform, a ratio or a share. A name nobody knows contradicts nothing. The words are those
that laboratories of a dozen countries print; LOINC's short names (`CK MB SerPl-cCnc`, `Hgb Ur-mCnc`) are names as well.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache

from models import vocabulary

# What is measured, by its names in other languages and in short. English ones are in the vocabulary as well.
_NAMES: Mapping[str, str] = {
    "ck": "ck, cpk, creatine kinase, creatinkinase, kreatinkinase, creatine phosphokinase, creatinphosphokinase, "
    "kreatinphosphokinase, creatine kinasa, creatinquinasa, creatina quinasa, creatin quinasa, creatina kinasa, "
    "creatina fosfoquinasa, creatinfosfoquinasa, creatin fosfoquinasa, creatinchinasi, creatin chinasi, "
    "creatina chinasi, creatinfosfochinasi, creatin fosfochinasi, creatine fosfokinase, creatinefosfokinase, "
    "creatinekinase, creatina cinase, creatinoquinase, creatinofosfoquinase, creatina fosfoquinase, "
    "kinaza kreatynowa, "
    "kinaza fosfokreatynowa, kreatinkinas, kreatiinikinaasi, kreatin kinaz, kreatinkinaza, kreatin kinaza, ckt, "
    "cktotal",
    "troponin_t": "troponin t, troponina t, troponine t, trop t, tropt, tnt, ctnt, hstnt, hsctnt, tnths, troponint, "
    "hstropt, tnthsstat, hs tnt",
    "troponin_i": "troponin i, troponina i, troponine i, trop i, tropi, tni, ctni, hstni, hsctni, tnihs, troponini, "
    "hstropi, hs tni",
    "aldolase": "aldolase, aldolasa, aldolasi, aldolaza",
    "ldh": "ldh, ld, lactate dehydrogenase, laktatdehydrogenase, lactatdehydrogenase, lactato deshidrogenasa, "
    "lactate deshydrogenase, lattato deidrogenasi, lattico deidrogenasi, latticodeidrogenasi, desidrogenase lactica, "
    "lactaatdehydrogenase, deshidrogenasa lactica, lactico deshidrogenasa",
    "ast": "ast, asat, got, sgot, aspartate aminotransferase, aspartataminotransferase, aspartat aminotransferase, "
    "aspartate transaminase, aspartato aminotransferasa, aspartato aminotransferasi, aspartate aminotransferase, "
    "aspartato transaminasa, glutamat oxalacetat transaminase",
    "alt": "alt, alat, gpt, sgpt, alanine aminotransferase, alaninaminotransferase, alanin aminotransferase, "
    "alanine transaminase, alanina aminotransferasa, alanina aminotransferasi, alanina transaminasa, "
    "glutamat pyruvat transaminase",
    "crp": "crp, hscrp, c reactive protein, c reaktives protein, creaktives protein, proteina c reactiva, "
    "proteine c reactive, proteina c reattiva, pcr, c reactief proteine, c reaktivt protein",
    "esr": "esr, bsg, bks, blutsenkung, blutkorperchensenkung, blutkorperchensenkungsgeschwindigkeit, vsg, ves, vs, "
    "erythrocyte sedimentation rate, sedimentation rate, velocidad de sedimentacion, vitesse de sedimentation, "
    "velocita di eritrosedimentazione, sed rate, bse, senkung",
    "creatinine": "creatinine, kreatinin, creatinina, creat, krea, crea, kreatiniini, creatinin, kreatynina",
    "haemoglobin": "haemoglobin, hemoglobin, hamoglobin, haemoglobine, hemoglobine, hemoglobina, emoglobina, hb, hgb, "
    "hemoglobiini",
    "white_cells": "white cell count, white cells, white blood cell count, white blood cells, white blood count, "
    "wbc, "
    "leukocytes, leucocytes, leukozyten, leucocitos, leucociti, leukocyten, leukocyter, leuko, leukos, "
    "globuli bianchi, "
    "globules blancs",
    "neutrophils": "neutrophils, neutrophil count, neutrophile, neutrophiles, neutrofilos, neutrofili, neutrofiele, "
    "neut, anc, neutrophile granulozyten, granulocitos neutrofilos",
    "lymphocytes": "lymphocytes, lymphozyten, linfocitos, linfociti, lymfocyten, lymphocyte count, lymph",
    "eosinophils": "eosinophils, eosinophile, eosinofilos, eosinofili, eosinophil count, eos",
    "platelets": "platelets, platelet count, thrombozyten, thrombocytes, plaquetas, piastrine, plaquettes, plt, "
    "thrombo, "
    "trombocyten, trombocyter, plts",
    "hba1c": "hba1c, a1c, hb a1c, haemoglobin a1c, hemoglobin a1c, glycated haemoglobin, glycated hemoglobin, "
    "glykiertes hamoglobin, hemoglobina glicosilada, hemoglobina glicada, emoglobina glicata, hemoglobine glyquee",
    "gamma_gt": "ggt, gamma gt, gammagt, gamma glutamyl transferase, gamma glutamyltransferase, ggtp, g gt",
    "bilirubin": "bilirubin, bilirubina, bilirubine, bili",
    "albumin": "albumin, albumina, albumine, alb",
    "mcv": "mcv, mean corpuscular volume, mean cell volume, vcm, mittleres korpuskulares volumen",
    "igg": "igg, immunoglobulin g, inmunoglobulina g, immunoglobuline g, immunoglobulina g",
    "egfr": "egfr, gfr, glomerular filtration rate, glomerulare filtrationsrate, filtrado glomerular, dfg",
    "potassium": "potassium, kalium, potasio, potassio, k",
    "magnesium": "magnesium, magnesio, mg",
    "ferritin": "ferritin, ferritina, ferritine",
    "glucose": "glucose, glukose, glucosa, glucosio, glycemie, glicemia, glucemia, blutzucker, bz",
    "cholesterol": "cholesterol, cholesterin, colesterol, colesterolo, chol",
    "hdl_cholesterol": "hdl, hdl cholesterol, hdl cholesterin, hdlc, colesterol hdl, colesterolo hdl",
    "triglycerides": "triglycerides, triglyceride, triglyzeride, trigliceridos, trigliceridi, trig, tg",
}  # fmt: skip

# Analytes that are no measure here and are mistaken for one by their first word or their number.
_OTHER_TESTS = (
    "creatine, kreatin, creatina; procalcitonin, procalcitonina, pct; myoglobin, myoglobine, mioglobina; lipase; "
    "amylase; alkaline phosphatase, alkalische phosphatase, alp, fosfatasa alcalina; haptoglobin; haematocrit, "
    "hematocrit, hamatokrit, hct; mean corpuscular haemoglobin, mch, mchc; rdw; reticulocytes, retikulozyten; nt "
    "probnp, bnp, probnp; d dimer, ddimer; urea, harnstoff, bun; uric acid, harnsaure; prealbumin, transthyretin; "
    "globulin; total protein, gesamteiweiss; sodium, natrium; chloride, chlorid; calcium, kalzium; cystatin c; "
    "ldl, ldl cholesterol, vldl, non hdl; pyruvate kinase, pyruvatkinase; adenylate kinase; thymidine kinase; "
    "troponin c; iga, igm, ige, igd; transferrin; complement, c3, c4; cytokeratin, cyfra; hba2, hbf; monocytes, "
    "monozyten; basophils, basophile; blasts, blasten"
)

_OTHER_SPECIMEN = frozenset(
    [
        "urine", "urin", "urinary", "urina", "orina", "urinaire", "urines", "urinario", "urinaria", "harn",
        "spontanurin", "sammelurin", "uriini", "mocz", "moczu", "u24", "ur", "urn", "uri", "csf", "liquor",
        "cerebrospinal", "spinal", "lcr", "lcs", "lumbar", "pleural", "pleura", "pleuraerguss", "plr",
        "ascites", "ascitic", "aszites", "peritoneal", "prt", "synovial", "synovia", "snv", "snf", "gelenk",
        "stool", "stuhl", "faeces", "feces", "fecal", "faecal", "heces", "selles", "stl", "saliva", "speichel",
        "sputum", "dialysate", "dialysat", "drain", "drainage", "fluid", "fld", "amniotic", "amn", "semen",
        "sperma", "bile", "galle", "punktat", "erguss", "exsudat", "transsudat", "bal", "lavage", "aqueous",
        "vitreous", "sweat", "schweiss",
    ]
)  # fmt: skip
_URINE = frozenset(["urine", "urin", "urinary", "urina", "orina", "urinaire", "urines", "harn", "ur", "uri", "urn"])
_OF_BLOOD = frozenset(
    [
        "serum", "plasma", "blood", "serpl", "ser", "plas", "bld", "blut", "vollblut", "sang", "sangre",
        "sangue", "suero", "siero", "sero", "serique", "plasmatica", "serica", "serico", "bldv", "blda", "bldc",
    ]
)  # fmt: skip

# A part of what is asked about, a form of it, or a number made of it: each is a test of its own.
_OTHER_FORM = frozenset(
    [
        "ckmb", "ckmm", "ckbb", "cpkmb", "cpkmm", "cpkbb", "ck1", "ck2", "ck3", "ckmi",
        "ckmt", "mbck", "mmck", "macro", "makro", "macrock", "makrock", "macrocpk", "macroenzyme", "isoenzyme",
        "isoenzymes", "isoenzym", "isoenzyms", "isoenzima", "isoenzimas", "isoenzimi", "isozyme", "isozymes",
        "isoform", "isoforms", "isoforma", "isoformas", "isoformen", "isoforme", "isoformes", "fraction",
        "fractions", "fraktion", "fraktionen", "fraccion", "fracciones", "frazione", "frazioni", "fracao",
        "fractie", "subunit", "untereinheit", "ratio", "ratios", "quotient", "quot", "quotiente", "index",
        "indice", "indices", "verhaltnis", "rapport", "razon", "cociente", "rapporto", "relacao", "relacion",
        "relative", "relativ", "relativa", "percent", "percentage", "percentual", "prozent", "prozentual",
        "pct", "porcentaje", "pourcentage", "percentuale", "procent", "anteil", "share", "electrophoresis",
        "elektrophorese", "electroforesis", "elettroforesi", "electrophorese", "mitochondrial", "antibody",
        "antibodies", "antikorper", "autoantibody", "autoantibodies", "anticuerpo", "anticuerpos", "anticorps",
        "anticorpi", "gene", "gen", "genotype", "genotyp", "mutation", "clearance", "aclaramiento", "clairance",
        "delta", "difference", "differenz", "change", "interpretation", "comment", "kommentar", "befund",
        "activated", "activator", "inhibitor", "receptor", "inactive",
    ]
)  # fmt: skip

# Words of that kind that belong to a measure's own name, or say nothing about it.
_ALLOWED: Mapping[str, frozenset[str]] = {
    "urine_protein": _URINE | {"ratio", "quotient", "index", "creatinine"},
    "hcg": _URINE,
    "esr": frozenset({"index"}),
    "mcv": frozenset({"index"}),
    "hba1c": frozenset({"fraction", "percent", "ratio"}),
    "anti_hbc": frozenset({"antibody", "antibodies", "antikorper", "anticorps", "anticuerpos", "anticorpi", "index"}),
    "anti_hcv": frozenset({"antibody", "antibodies", "antikorper", "anticorps", "anticuerpos", "anticorpi", "index"}),
    "hbsag": frozenset({"index"}),
    "hiv": frozenset({"antibody", "antibodies", "antikorper", "index"}),
    "vzv_igg": frozenset({"antibody", "antibodies", "antikorper", "index", "ratio"}),
    "fvc_percent": frozenset({"percent", "prozent", "ratio"}),
    "dlco_percent": frozenset({"percent", "prozent", "ratio"}),
    "oxygen_saturation": frozenset({"fraction", "percent"}),
    "haq": frozenset({"index"}),
    "chaq": frozenset({"index"}),
}

# What makes another test of one measure only.
_OTHER_FORM_OF: Mapping[str, frozenset[str]] = {
    # Measured as mass it is the MB fraction.
    "ck": frozenset(["mb", "mm", "bb", "mt", "mass", "masse", "masa", "massa"]),
    "bilirubin": frozenset([
        "direct", "indirect", "direkt", "indirekt", "conjugated", "unconjugated", "konjugiert", "unkonjugiert",
        "directa", "indirecta", "diretta", "indiretta", "directe", "delta", "neonatal",
    ]),
    "cholesterol": frozenset(["hdl", "ldl", "vldl", "non", "idl"]),
    "haemoglobin": frozenset([
        "a1c", "hba1c", "a2", "hbf", "hbs", "free", "freies", "libre", "fetal", "carboxy", "met", "plasma",
        "mean", "corpuscular", "reticulocyte", "glycated", "glykiertes", "glicosilada", "glicata",
    ]),
    "glucose": frozenset(["tolerance", "ogtt", "2h", "1h", "post", "postprandial", "belastung"]),
    "platelets": frozenset([
        "volume", "volumen", "mpv", "pdw", "distribution", "large", "immature", "aggregation", "function",
        "clumps",
    ]),
    "albumin": frozenset([
        "micro", "microalbumin", "mikroalbumin", "globulin", "pre", "adjusted", "corrected", "glycated",
    ]),
    "creatinine": frozenset(["protein", "albumin", "microalbumin", "eiweiss", "mdrd", "ckd"]),
    "neutrophils": frozenset(["band", "bands", "stab", "segmented", "toxic"]),
    "white_cells": frozenset(["esterase", "corrected", "nrbc"]),
    "igg": frozenset([
        "1", "2", "3", "4", "igg1", "igg2", "igg3", "igg4", "subclass", "subclasses", "subklasse", "subklassen",
        "cmv", "ebv", "toxoplasma", "measles", "rubella", "varicella", "specific", "spezifisch", "synthesis",
    ]),
    "ldh": frozenset(["1", "2", "3", "4", "5", "ldh1", "ldh2", "ldh3", "ldh4", "ldh5"]),
    "crp": frozenset(["polymerase", "kettenreaktion"]),
    "ferritin": frozenset(["glycosylated", "trans"]),
    "troponin_t": frozenset(["i"]),
    "troponin_i": frozenset(["t"]),
}  # fmt: skip


@vocabulary.remembered(maxsize=8192)
def another_test(key: str, name: str) -> str:
    """Why a name cannot be that of a measure, in words for a person; '' where it can, or where nobody knows it."""
    said = words(name)
    if not said:
        return ""
    label = vocabulary.measure(key).label
    means = meant_by(name)
    if means and key not in means:
        other = sorted(means)[0]
        known = vocabulary.measures().get(other)
        return f"{name!r} is {known.label if known else 'another test'} and not {label}"
    allowed = _ALLOWED.get(key, frozenset())
    specimen = next((word for word in said if word in _OTHER_SPECIMEN and word not in allowed), "")
    if specimen or _is_prefixed_urine(name, allowed):
        return f"{name!r} is of another specimen than {label}"
    form = next((word for word in said if word in _OTHER_FORM and word not in allowed), "")
    form = form or next((word for word in said if word in _OTHER_FORM_OF.get(key, ())), "")
    if form or ("%" in name and not allowed & {"percent", "ratio"} and vocabulary.measure(key).unit != "%"):
        return f"{name!r} is a part, a form or a share of it and not {label}"
    return ""


@vocabulary.remembered(maxsize=8192)
def is_named(key: str, name: str) -> bool:
    """Whether a name is positively that of a measure."""
    return not another_test(key, name) and key in meant_by(name)


@vocabulary.remembered(maxsize=8192)
def meant_by(name: str) -> frozenset[str]:
    """The measures that the longest known name within a name means; `''` among them: a test that is no measure here."""
    said = words(name)
    best: frozenset[str] = frozenset()
    longest = 0
    names = _known_names()
    for start in range(len(said)):
        for end in range(len(said), start, -1):
            if end - start < longest:
                break
            found = names.get(tuple(said[start:end]))
            if found is not None and (end - start > longest or not best):
                best, longest = found, end - start
            elif found is not None and end - start == longest:
                best |= found
    return best


def specimen_of_another(key: str, specimens: Iterable[str]) -> str:
    """The specimen, among those named with a result, that a measure is not taken from; '' where there is none."""
    allowed = _ALLOWED.get(key, frozenset())
    for one in specimens:
        said = words(one)
        if any(word in _OF_BLOOD for word in said):
            continue
        if any(word in _OTHER_SPECIMEN and word not in allowed for word in said):
            return one
    return ""


@lru_cache(maxsize=8192)
def words(name: str) -> tuple[str, ...]:
    """The words of a name: without case, accents, properties in brackets and punctuation."""
    plain = re.sub(r"\[[^\]]*\]", " ", name)
    plain = unicodedata.normalize("NFKD", plain.replace("ß", "ss").replace("ø", "o")).casefold()
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    return tuple(re.findall(r"[a-z0-9]+", plain))


def _is_prefixed_urine(name: str, allowed: frozenset[str]) -> bool:
    """`U-CK`, `dU-Krea`: laboratories of the north write the specimen in front."""
    return not allowed & _URINE and re.match(r"\s*(?:d|t|n|24h)?U[-_ ]\s*[A-Za-z]{2}", name) is not None


@vocabulary.remembered(maxsize=1)
def _known_names() -> Mapping[tuple[str, ...], frozenset[str]]:
    """Word sequences by the measures they name."""
    found: dict[tuple[str, ...], set[str]] = {}

    def add(name: str, key: str) -> None:
        said = words(name)
        if said:
            found.setdefault(said, set()).add(key)

    for key, names in _NAMES.items():
        for name in names.split(","):
            add(name, key)
    for key, row in vocabulary.measures().items():
        for name in (row.label, row.short_label, key.replace("_", " "), row.local_code):
            add(name or "", key)
    for entry in vocabulary.vocabulary().measure_codes.values():
        if entry.measure:
            # Parts like "core" or "hdl" recognise a name only beside its code: single words are too short to mean it.
            for part in entry.name_contains:
                if len(part) > 5:
                    add(part, entry.measure)
    for name in re.split(r"[;,]", _OTHER_TESTS):
        if words(name) not in found:
            add(name, "")
    return {name: frozenset(keys) for name, keys in found.items()}
