"""The filters of labs due: patient, test, site, clinician."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc

from dashboard.pages.labs_due.labels import test_label
from dashboard.pages.labs_due.names import FILTERS


def filters(
    required: Sequence[str], sites: Sequence[str], clinicians: Sequence[str], query: Mapping[str, str]
) -> list[Any]:
    """The filters with what the address says."""

    def select(name: str, words: str, options: Iterable[tuple[str, str]]) -> Any:
        return dmc.Select(
            id=FILTERS[name],
            value=query.get(name) or None,
            placeholder=words,
            data=[{"value": value, "label": label} for value, label in options],
            clearable=True,
            searchable=True,
            size="xs",
            w=150,
            inputProps={"aria-label": words},
        )

    labels = {test: test_label(test) for test in required}
    return [
        dmc.TextInput(
            id=FILTERS["q"],
            value=query.get("q", ""),
            placeholder="Name or MRN",
            debounce=250,
            size="xs",
            w=150,
            inputProps={"aria-label": "Name or record number"},
        ),
        select("test", "Test", sorted(labels.items(), key=lambda item: item[1])),
        select("site", "Site", [(site, site) for site in sorted(sites)]),
        select("who", "Clinician", [(who, who) for who in sorted(clinicians)]),
    ]
