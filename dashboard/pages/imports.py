"""Imports: drop files, see what they would change, take them over; every import so far, and what was refused."""

import base64
import binascii
import hmac
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import dash_mantine_components as dmc
from dash import Input, Output, State, ctx, dcc, html, no_update

from dashboard.components.accessible import aria
from dashboard.components.addresses import address, query_of
from dashboard.components.dates import clock_time
from dashboard.components.formats import counted, number
from dashboard.components.states import empty_state, notice, page_head, section
from dashboard.components.tables import table
from dashboard.secure import READERS, Current, Page, SecureDash, current
from dashboard.shell import REFRESH, URL
from dashboard.waiting_section import register as register_waiting
from dashboard.waiting_section import waiting_part
from jobs.importers.load import ImportReport, import_paths
from jobs.runner import run_job
from models.accounts import audit
from models.database import reading, writing
from models.errors import ActionRefused, MyopanelError
from models.imports_view import batch, batches, count_batches, files_of, reasons_of, rejects_of

PAGE = Page("/imports", "Imports", READERS, nav=50)
IMPORTERS = ("nurse", "physician", "admin")

UPLOAD, PREVIEW, CONTENT = "imports-upload", "imports-preview", "imports-content"
CONFIRM, DISCARD, HELD, CHANGED = "imports-confirm", "imports-discard", "imports-held", "imports-changed"

LARGEST_FILE = 22 * 1024 * 1024
"""Bytes of one file; as text in a request it grows by a third. Larger ones go through `myopanel import`."""
SUFFIXES = (".csv", ".xlsx")
REJECTS_SHOWN = 200
REJECTS_IN_PREVIEW = 25
BATCHES_SHOWN = 50
HELD_SECONDS = 3600

COUNTS = ("read", "created", "updated", "unchanged", "waiting", "rejected")


def _counted(*counts: Mapping[str, Any]) -> tuple[str, ...]:
    """The counts to show: rows of tables never wait, so that only where some did it is said."""
    return tuple(name for name in COUNTS if name != "waiting" or any(one["waiting"] for one in counts))


def layout(**query: str) -> Any:
    """The drop area for those who may import, and the imports so far."""
    here = current()
    return html.Div(
        [
            page_head("Imports"),
            _drop_area() if here.may(IMPORTERS) else None,
            html.Div(id=PREVIEW, role="status", **aria(live="polite")),
            waiting_part(here),
            html.Div(content(here, query), id=CONTENT),
            dcc.Store(id=HELD),
            dcc.Store(id=CHANGED),
        ],
        className="page records imports",
    )


def register(app: SecureDash) -> None:
    """A dry run first; only what was looked at is taken over."""
    register_waiting(app)

    @app.callback(
        Output(PREVIEW, "children"),
        Output(HELD, "data"),
        Output(UPLOAD, "contents"),
        Input(UPLOAD, "contents"),
        State(UPLOAD, "filename"),
        State(HELD, "data"),
        prevent_initial_call=True,
        running=[(Output(UPLOAD, "disabled"), True, False)],
        roles=IMPORTERS,
    )
    def look(contents: list[str] | None, names: list[str] | None, held: str | None) -> tuple[Any, Any, Any]:
        if not contents or not names:
            return no_update, no_update, no_update
        here = current()
        forget(here, held)
        try:
            token = keep(here, list(zip(names, contents, strict=True)))
        except MyopanelError as refused:
            return notice(str(refused), kind="warn"), None, None
        try:
            report = _import(here, token, dry_run=True)
        except MyopanelError as refused:
            forget(here, token)
            # Where the files lie on the server is nobody's business.
            why = str(refused).replace(f"{_held_folder(here, token)}/", "")
            return notice([html.B("Cannot be read. "), why], kind="warn"), None, None
        except BaseException:
            forget(here, token)
            raise
        return preview(report, sorted(set(names))), token, None

    @app.callback(
        Output(PREVIEW, "children", allow_duplicate=True),
        Output(HELD, "data", allow_duplicate=True),
        Output(CHANGED, "data"),
        Output(REFRESH, "data", allow_duplicate=True),
        Input(CONFIRM, "n_clicks"),
        Input(DISCARD, "n_clicks"),
        State(HELD, "data"),
        prevent_initial_call=True,
        running=[(Output(CONFIRM, "disabled"), True, False)],
        roles=IMPORTERS,
    )
    def decide(confirmed: int | None, discarded: int | None, held: str | None) -> tuple[Any, Any, Any, Any]:
        if not (confirmed or discarded):
            return (no_update,) * 4
        here = current()
        if ctx.triggered_id == DISCARD:
            forget(here, held)
            return notice("Nothing was imported; the files are deleted."), None, no_update, no_update
        if not held:
            raise ActionRefused("The files are no longer here. Drop them again.")
        said = take_over(here, held)
        stamp = secrets.token_hex(4)
        return said, None, stamp, stamp

    @app.callback(
        Output(CONTENT, "children"),
        Input(URL, "search"),
        Input(CHANGED, "data"),
        State(URL, "pathname"),
        prevent_initial_call=True,
        roles=READERS,
    )
    def show(search: str | None, _changed: Any, pathname: str | None) -> Any:
        return content(current(), query_of(search)) if pathname == PAGE.path else no_update


# -------------------------------------------------------------------------------------------- files waiting to be taken


def keep(here: Current, files: Sequence[tuple[str, str]]) -> str:
    """Put uploaded files (name, data URL) into a folder of their own until they are taken over; returns its token.

    Raises:
        ActionRefused: a name that cannot be imported, two files of one name, or content that is damaged or too large.
    """
    _forget_abandoned(here)
    clean: dict[str, bytes] = {}
    for name, data in files:
        plain = Path(name.replace("\\", "/")).name
        if not plain.lower().endswith(SUFFIXES):
            raise ActionRefused(f"{plain} is neither a CSV file nor an Excel workbook (.xlsx).")
        if plain in clean:
            raise ActionRefused(f"There are two files called {plain}. Drop them one after the other.")
        try:
            content = base64.b64decode(data.partition(",")[2], validate=True)
        except binascii.Error:
            raise ActionRefused(f"{plain} did not arrive whole. Drop it again.") from None
        if len(content) > LARGEST_FILE:
            raise ActionRefused(f"{plain} is too large for the page. Use `myopanel import` on the server.")
        clean[plain] = content
    token = secrets.token_hex(16)
    folder = _folder(token)
    folder.mkdir(mode=0o700, parents=True)
    for name, content in clean.items():
        # A name of our own: what people call their files may hold anything.
        (folder / re.sub(r"[^\w.-]", "_", name)).write_bytes(content)
    # The folder's age is asked for by the clock that is told, which may not be the file system's.
    os.utime(folder, (here.now.timestamp(), here.now.timestamp()))
    return f"{token}.{_signature(here, token)}"


def forget(here: Current, held: str | None) -> None:
    """Delete files that wait; nothing where there are none."""
    if held:
        shutil.rmtree(_held_folder(here, held), ignore_errors=True)


def take_over(here: Current, held: str) -> Any:
    """Import what was looked at, then evaluate; returns what became of it.

    Raises:
        ActionRefused: the files are gone. UsageError: they cannot be read any more.
    """
    report = _import(here, held, dry_run=False)
    forget(here, held)
    with writing(here.engine) as session:
        audit(session, here.user.name, "import", now=here.now, detail=f"batch {report.batch_id}")
    run = run_job(here.engine, here.settings, "evaluate", slot=None, now=here.now)
    total = report.total
    words = [
        html.B(f"Imported. {_sum(total.__dict__)}. "),
        dcc.Link("See the import", href=address(PAGE.path, {}, batch=str(report.batch_id))),
    ]
    if run.status == "succeeded":
        return notice([*words, ". The rules have been evaluated."])
    return notice(
        [*words, f". The evaluation afterwards {run.status}: {run.message} ", dcc.Link("See jobs", href="/jobs")],
        kind="bad",
    )


def _import(here: Current, held: str, *, dry_run: bool) -> ImportReport:
    folder = _held_folder(here, held)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files:
        raise ActionRefused("The files are no longer here. Drop them again.")
    return import_paths(
        here.engine, files, timezone=here.settings.timezone, by=here.user.name, now=here.now, dry_run=dry_run
    )


def _waiting_room() -> Path:
    return Path(tempfile.gettempdir()) / "myopanel-uploads"


def _folder(token: str) -> Path:
    return _waiting_room() / token


def _held_folder(here: Current, held: str) -> Path:
    """The folder behind a token that this person was given.

    Raises:
        ActionRefused: the token is not theirs.
    """
    token, _, signature = held.partition(".")
    if not re.fullmatch(r"[0-9a-f]{32}", token) or not hmac.compare_digest(signature, _signature(here, token)):
        raise ActionRefused("These files are not yours to import. Drop them again.")
    return _folder(token)


def _signature(here: Current, token: str) -> str:
    return hmac.new(here.settings.signing_key().encode(), f"{here.user.name}:{token}".encode(), sha256).hexdigest()


def _forget_abandoned(here: Current) -> None:
    """Delete what nobody came back for: patients' data must not lie about."""
    room = _waiting_room()
    room.mkdir(mode=0o700, exist_ok=True)
    for folder in room.iterdir():
        try:
            if here.now.timestamp() - folder.stat().st_mtime > HELD_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
        except FileNotFoundError:
            continue  # Another process was quicker.


# -------------------------------------------------------------------------------------------------------- what is shown


def preview(report: ImportReport, names: Sequence[str]) -> Any:
    """What taking the files over would change."""
    total = report.total
    changes = total.created + total.updated
    rejects = [(one.file, one.line, one.column, one.value, one.why) for one in report.rejects[:REJECTS_IN_PREVIEW]]
    hidden = total.rejected - len(rejects)
    return html.Section(
        [
            html.H2(f"Not imported yet: {', '.join(names)}"),
            html.P(
                "Nothing in these files is new." if not changes else f"Taking them over would change {_rows(changes)}.",
                className="quiet",
            ),
            _counts([({"name": file.name} | file.__dict__) for file in report.files], total.__dict__),
            _warnings(report.warnings),
            *(
                [
                    html.H3(f"{_rows(total.rejected)} would be rejected", className="more"),
                    _rejects(rejects),
                    html.P(f"and {number(hidden)} more.", className="quiet") if hidden > 0 else None,
                ]
                if total.rejected
                else []
            ),
            html.Div(
                [
                    html.Button("Discard", id=DISCARD, className="button-quiet"),
                    html.Button(
                        f"Import {_rows(total.read - total.rejected)}"
                        + (f" and keep {number(total.rejected)} as rejected" if total.rejected else ""),
                        id=CONFIRM,
                        className="button",
                        disabled=not changes and not total.rejected,
                    ),
                ],
                className="form-end",
            ),
        ],
        className="preview",
        **aria(label="Before importing"),
    )


def content(here: Current, query: Mapping[str, str]) -> Any:
    """One import in detail, or the list."""
    wanted = query.get("batch", "")
    if wanted.isdecimal():
        return _detail(here, int(wanted))
    with reading(here.engine) as session:
        found = batches(session, limit=BATCHES_SHOWN)
        total = count_batches(session)
    if not found:
        return empty_state(
            "Nothing has been imported yet",
            "Each import appears here with what it created, changed and refused. Nothing that arrives is lost.",
        )
    lines = []
    names = _counted(*(one.model_dump() for one in found))
    for one in found:
        sums = one.read == one.created + one.updated + one.unchanged + one.waiting + one.rejected
        lines.append(
            [
                (
                    [
                        dcc.Link(
                            clock_time(one.started_at, here.settings.zone, here.today),
                            href=address(PAGE.path, {}, batch=str(one.id)),
                            className="name",
                        ),
                        html.Span(f"no. {one.id}", className="sub"),
                    ],
                    "who",
                ),
                (one.name, "wide"),
                (f"{one.format}, {one.sender}" if one.sender != one.format else one.format, "nowrap"),
                one.by,
                *(_count(getattr(one, name), name) for name in names),
                (
                    html.Span([html.I(), "adds up"], className="status good")
                    if sums and one.finished_at
                    else html.Span([html.I(), "unfinished" if sums else "does not add up"], className="status bad"),
                    "nowrap",
                ),
            ]
        )
    return section(
        "Imports so far",
        table(
            ["When", "Files", "Format", "By", *(name.capitalize() for name in names), "Counts"],
            lines,
            label="Imports, newest first",
            numeric=range(4, 4 + len(names)),
            kind="cards",
        ),
        note=f"{number(len(found))} of {counted(total, 'import')}",
    )


def _detail(here: Current, batch_id: int) -> Any:
    with reading(here.engine) as session:
        found = batch(session, batch_id)
        files = files_of(session, batch_id)
        rejects = rejects_of(session, batch_id, limit=REJECTS_SHOWN)
        reasons = reasons_of(session, batch_id)
    if found is None:
        return empty_state(
            "There is no such import", "The number may be mistyped.", action="All imports", href=PAGE.path
        )
    when = clock_time(found.started_at, here.settings.zone, here.today)
    parts: list[Any] = [
        html.Div([dcc.Link("All imports", href=PAGE.path), f" / no. {batch_id}"], className="crumbs"),
        html.H2(f"{found.name}, {when}"),
        html.P(f"By {found.by}; sender {found.sender}; {_sum(found.model_dump())}.", className="quiet"),
        _counts([file.model_dump() for file in files], found.model_dump()),
        _warnings(json.loads(found.warnings)),
    ]
    if found.rejected:
        hidden = found.rejected - len(rejects)
        where = ", ".join(f"{file} {column or 'whole row'} {number(count)}" for file, column, count in reasons)
        parts += [
            html.Div(
                [
                    html.H2(f"{_rows(found.rejected)} rejected"),
                    html.Div(_downloads(batch_id, sorted({file for file, _, _ in reasons})), className="filters"),
                ],
                className="print-line part",
            ),
            html.P(f"Mend the rows and import the file again. Where: {where}.", className="quiet"),
            _rejects([(one.file, one.line, one.column, one.value, one.why) for one in rejects]),
            html.P(f"and {number(hidden)} more in the download.", className="quiet more") if hidden > 0 else None,
        ]
    return html.Div(parts)


def _downloads(batch_id: int, files: Sequence[str]) -> list[Any]:
    """All rejected rows; where several files had some, a download for each, to be mended and imported as it is."""
    path = f"/imports/{batch_id}/rejects.csv"
    if len(files) == 1:
        return [html.A("Download as CSV", href=path, className="button-quiet")]
    return [
        html.A(f"Download those of {file}", href=address(path, {"file": file}), className="button-quiet")
        for file in files
    ]


def _counts(files: Iterable[Mapping[str, Any]], total: Mapping[str, Any]) -> Any:
    names = _counted(total)
    lines = [[(str(file["name"]), "who"), *(_count(file[name], name) for name in names)] for file in files]
    lines.append([(html.B("Together"), "who"), *(_count(total[name], name) for name in names)])
    return table(
        ["File", *(name.capitalize() for name in names)],
        lines,
        label="Rows by file",
        numeric=range(1, 1 + len(names)),
        kind="cards sums",
    )


def _count(value: int, name: str) -> Any:
    if not value:
        return html.Span("0", className="none")
    return html.B(number(value), className="c-bad") if name == "rejected" else number(value)


def _rejects(rows: Sequence[tuple[str, int, str, str, str]]) -> Any:
    lines = [
        [
            (file, "nowrap"),
            number(line),
            (html.Code(column) if column else "", "nowrap"),
            (value, "sent"),
            (why, "wide"),
        ]
        for file, line, column, value, why in rows
    ]
    return table(
        ["File", "Line", "Column", "Value", "Why, and what to do"],
        lines,
        label="Rejected rows",
        numeric=[1],
        kind="cards",
    )


def _warnings(found: Sequence[str]) -> Any:
    if not found:
        return None
    return html.Ul([html.Li(one) for one in found], className="warnings")


def _sum(counts: Mapping[str, Any]) -> str:
    """`48,249 rows = 48,092 created + 157 updated + 0 unchanged + 0 rejected`."""
    parts = " + ".join(f"{number(counts[name])} {name}" for name in _counted(counts)[1:])
    return f"{_rows(counts['read'])} = {parts}"


def _rows(count: int) -> str:
    return counted(count, "row")


def _drop_area() -> Any:
    return html.Div(
        [
            dcc.Loading(
                dcc.Upload(
                    html.Div(
                        [
                            html.B("Drop CSV files or a workbook here"),
                            " or ",
                            html.Span("choose files", className="pick"),
                            html.P(
                                "patients, observations, medications, events. "
                                "Nothing is changed before you have seen what would."
                            ),
                        ]
                    ),
                    id=UPLOAD,
                    multiple=True,
                    max_size=LARGEST_FILE,
                    accept=",".join(SUFFIXES),
                    className="drop",
                    className_active="drop over",
                    style={},
                    style_active={},
                    style_disabled={"opacity": 0.6},
                ),
                delay_show=300,
                custom_spinner=dmc.Text("Reading the files…", size="sm"),
                overlay_style={"visibility": "visible", "opacity": 0.4},
            ),
            html.Div(
                [
                    html.A("Download a template folder", href="/imports/template.zip"),
                    html.Span(
                        [
                            f"at most {LARGEST_FILE // (1024 * 1024)} MB a file; larger ones with ",
                            html.Code("myopanel import"),
                        ]
                    ),
                    html.Span("importing the same files twice changes nothing"),
                ],
                className="under-drop",
            ),
        ]
    )
