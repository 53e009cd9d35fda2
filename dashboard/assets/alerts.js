// The nurse list: cells, views, selection, keys. What is done to an alert is decided on the server.
(function () {
  "use strict";
  var h = function () { return window.React.createElement.apply(null, arguments); };
  var cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  var funcs = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  var C = (window.dash_clientside = window.dash_clientside || {});
  var GRID = "alerts-grid";
  var WORDS = { urgent: "Today", action: "This week", watch: "Next visit" };
  var TITLES = { acknowledge: "Acknowledge", snooze: "Snooze", assign: "Assign", resolve: "Resolve", comment: "Comment", seen: "Mark as seen", "take-over": "Take over" };
  var FIELDS = { acknowledge: ["reason", "note"], snooze: ["snooze-reason", "until", "note"], assign: ["to", "note"], resolve: ["outcome", "note"], comment: ["note"], seen: ["note"], "take-over": [] };
  var who = "all", show = "todo", only = { q: "", rule: "", sev: "" };
  var unfolded = {};  // visits whose alerts stand below their line
  var PHONE_ACTS = 76;
  var WIDE = 1180;   // pixels from which all actions stand in the row
  var AT_ONCE = { acknowledge: 1, seen: 1 };  // the others need words, a day or a person
  var TWICE = 350;   // milliseconds within which a second press of the same key is the first one's echo
  var KEPT = 600000; // how long what was done is offered for taking back beside the list; later from "Done today"
  var busy = {}, seen = null, leaving = 0, folding = 0;
  var PEOPLE = 200;  // patients asked for at a time

  function page() { return document.querySelector('[data-keys="alerts"]'); }
  function mayAct() { var p = page(); return !!(p && p.getAttribute("data-may")); }
  function grid() { return page() && document.getElementById(GRID) && window.dash_ag_grid ? window.dash_ag_grid.getApi(GRID) : null; }
  function set(id, props) { window.dash_clientside.set_props(id, props); }

  cells.AlertPatient = function (props) {
    var d = props.data, index = props.node.rowIndex;
    var above = index > 0 ? props.api.getDisplayedRowAtIndex(index - 1) : null;
    var same = above && above.data && above.data.m === d.m && !window.myopanelNarrow();
    var path = window.myopanelPatientPath(d.m);
    return h("div", { className: "c-two", style: same ? { opacity: 0 } : null },
      h("a", {
        href: path, className: "c-strong", style: { color: "inherit" }, tabIndex: -1,
        onClick: function (event) {
          event.stopPropagation();
          if (event.metaKey || event.ctrlKey || event.shiftKey) { return; }
          event.preventDefault(); leaving = Date.now(); window.myopanelGo(path);
        }
      }, d.n),
      h("span", { className: "c-sub" }, d.m + " · " + d.x.replace(/_.*/, "")));
  };

  cells.AlertWhat = function (props) {
    var d = props.data;
    if (!window.myopanelNarrow()) { return what(d); }
    return h("div", null, h("div", { className: "c-two" }, h("span", { className: "c-strong" }, d.n, h("span", { className: "c-sub", style: { fontWeight: 400 } }, " " + d.m))), what(d));
  };
  function what(d) {
    return h("div", { className: d.part ? "what what-part" : "what" },
      h("span", { className: "sev sev-" + d.s, style: { height: 20 }, title: WORDS[d.s] }, h("span", { className: "sev-icon", "aria-hidden": true }), h("span", { className: "only-read" }, WORDS[d.s] + ": ")),
      h("div", { className: "c-two" }, h("span", { className: "c-wrap", title: d.t }, d.t),
        h("span", { className: "what-first" }, h("span", { className: "c-sub", title: d.f }, d.f ? (show === "done" || d.v === "settled" ? "" : "First: ") + d.f : ""), d.ids ? folder(d) : null)));
  }
  function folder(d) {
    return h("button", {
      type: "button", className: "fold", tabIndex: -1, "aria-expanded": String(!!unfolded[d.id]), title: (unfolded[d.id] ? "Fold" : "Show each") + " (e)",
      "aria-label": (unfolded[d.id] ? "Fold the " : "Show each of ") + d.ids.length + " alerts of " + d.n,
      onClick: function (event) { event.stopPropagation(); folding = Date.now(); fold(d.id); }
    }, d.ids.length + " alerts ", h("span", { className: "fold-mark", "aria-hidden": true }));
  }

  cells.AlertSince = function (props) {
    var d = props.data;
    return h("div", { className: "c-two" }, h("span", null, d.d), h("span", { className: "c-sub", title: d.h }, d.h));
  };

  cells.AlertOwner = function (props) {
    var d = props.data;
    return h("span", { className: d.o ? "" : "c-sub" }, d.o || "nobody");
  };

  cells.AlertActions = function (props) {
    var d = props.data, narrow = window.innerWidth <= WIDE;
    if (busy[d.id]) { return h("div", { className: "row-actions" }, h("span", { className: "c-sub" }, "saving…")); }
    function button(label, act, name, key) {
      return h("button", {
        key: key || label, type: "button", tabIndex: -1, "aria-label": name ? name + ": " + d.n : label + ": " + d.n, title: name || label,
        onClick: function (event) { event.stopPropagation(); act(); }
      }, label);
    }
    function doing(kind) { return function () { begin(kind, [d]); }; }
    if (show === "done") { return h("div", { className: "row-actions" }, button("Undo", function () { takeBack({ events: [].concat(d.u) }, [d]); })); }
    // On a telephone the row itself opens what else can be done.
    var more = narrow && !window.myopanelNarrow() ? [button("⋯", function () { open(d); }, "More", "more")] : [];
    if (d.v === "settled") { return h("div", { className: "row-actions" }, [button("Seen", doing("seen"), "Mark as seen")].concat(more)); }
    var first = d.v === "acknowledged" ? [] : [button("Ack", doing("acknowledge"), "Acknowledge")];
    if (narrow) { return h("div", { className: "row-actions" }, first.concat(more)); }
    return h("div", { className: "row-actions" }, first.concat([button("Snooze", doing("snooze")), button("Assign", doing("assign")), button("Resolve", doing("resolve"))]));
  };

  // ---------------------------------------------------------------------------------------------- views and counts
  // Which alerts are shown is decided by the server; more patients are asked for as one scrolls towards the end.
  var shown = { parts: 0, more: false, asking: false };
  // The words of the address: one order here, in early/rows.js, and on the server.
  function asking() {
    var query = new URLSearchParams();
    if (who !== "all") { query.set("who", who); }
    if (show !== "todo") { query.set("show", show); }
    ["q", "rule", "sev"].forEach(function (name) { if (only[name]) { query.set(name, only[name]); } });
    return query;
  }
  function filtered() { return who !== "all" || only.q || only.rule || only.sev; }
  function address(part) {
    var query = asking();
    query.set("start", part * PEOPLE); query.set("count", PEOPLE);
    return "/alerts/rows?" + query.toString();
  }
  function load(api) {
    var asked = String(asking()), parts = [];
    // As many parts as are on the screen already, so that nothing jumps.
    for (var part = 0; part < Math.max(1, shown.parts); part += 1) { parts.push(window.myopanelRows(address(part))); }
    return Promise.all(parts).then(function (found) {
      if (api.isDestroyed() || asked !== String(asking())) { return; }
      kept = found;
      shown.parts = found.length;
      shown.more = found[found.length - 1].more;
      // What happens after the first part was read, nobody has seen here.
      seen = found[0].seen;
      draw(api);
      recount(api, found[0]);
      group(found[0].group);
      settledLine(found[0].settled);
      unread("");
      window.myopanelFirstRow();
    }, function () { unread("The list could not be read: what you see may be out of date."); });
  }
  // One line for the alerts that one visit ends, at the place of the first of them; unfolded, each stands below it.
  var kept = [];
  function folded(parts) {
    var rows = [];
    parts.forEach(function (part) {
      var begun = {};
      part.rows.forEach(function (d) {
        var line = d.g && part.visits[d.g];
        if (!line) { rows.push(d); return; }
        if (begun[d.g]) { return; }
        begun[d.g] = true;
        var their = part.rows.filter(function (one) { return one.g === d.g; });
        var head = Object.assign({}, d, line, { id: d.g, ids: their.map(function (one) { return one.id; }) });
        if (d.u) { head.u = their.map(function (one) { return one.u; }); }
        rows.push(head);
        if (unfolded[d.g]) { their.forEach(function (one) { rows.push(Object.assign({}, one, { part: true })); }); }
      });
    });
    return rows;
  }
  function draw(api) {
    var at = focused(api), chosen = api.getSelectedNodes().map(function (node) { return node.id; });
    api.setGridOption("rowData", folded(kept));
    chosen.forEach(function (id) { var node = api.getRowNode(id); if (node) { node.setSelected(true); } });
    stay(api, at);
    if (api.getDisplayedRowCount()) { api.hideOverlay(); } else { api.showNoRowsOverlay(); }
    api.refreshCells({ columns: ["patient", "t"], force: true });
  }
  function fold(id) {
    var api = grid();
    if (!api) { return; }
    if (unfolded[id]) { delete unfolded[id]; } else { unfolded[id] = true; }
    draw(api);
    api.resetRowHeights();
  }
  // The alerts of some lines, each once: a line and one of its own may both be chosen.
  function idsOf(rows) {
    var found = [];
    rows.forEach(function (d) { (d.ids || [d.id]).forEach(function (id) { if (found.indexOf(id) < 0) { found.push(id); } }); });
    return found;
  }
  // The row in which somebody stands stays theirs when rows above it leave.
  function focused(api) {
    var cell = api.getFocusedCell(), node = cell && api.getDisplayedRowAtIndex(cell.rowIndex);
    return node ? { id: node.data.id, index: cell.rowIndex, column: cell.column } : null;
  }
  function stay(api, at) {
    if (!at) { return; }
    var node = api.getRowNode(at.id), index = node && node.rowIndex !== null ? node.rowIndex : Math.min(at.index, api.getDisplayedRowCount() - 1);
    if (index >= 0 && !document.querySelector("[role=dialog]")) { api.setFocusedCell(index, at.column); }
  }

  function loadMore(api) {
    if (!shown.more || shown.asking || api.getLastDisplayedRowIndex() < api.getDisplayedRowCount() - 20) { return; }
    shown.asking = true;
    var asked = String(asking());
    window.myopanelRows(address(shown.parts)).then(function (found) {
      shown.asking = false;
      if (api.isDestroyed() || asked !== String(asking())) { return; }
      shown.parts += 1;
      shown.more = found.more;
      kept = kept.concat([found]);
      api.applyTransaction({ add: folded([found]) });
    }, function () { shown.asking = false; });
  }

  function el(kind, text, attributes) {
    var made = document.createElement(kind);
    made.textContent = text;
    Object.keys(attributes || {}).forEach(function (name) { made.setAttribute(name, attributes[name]); });
    return made;
  }
  // A line above the list: what it says, and its buttons. It is drawn anew with every refresh; who stood on one of its
  // buttons stands there still.
  function told(line, parts, buttons) {
    var had = document.activeElement && line.contains(document.activeElement) ? document.activeElement.getAttribute("data-alerts-group") : null;
    var text = document.createElement("span"), acts = document.createElement("span");
    text.className = "said"; acts.className = "acts";
    parts.forEach(function (part) { text.append(part, " "); });
    buttons.forEach(function (part) { acts.append(part); });
    line.replaceChildren(text, acts);
    var again = had && line.querySelector('[data-alerts-group="' + had + '"]');
    if (again) { again.focus(); }
  }
  // What ended by itself since somebody looked: one line, one key, one way back.
  var ended = null;
  function settledLine(found) {
    var line = document.getElementById("alerts-settled");
    if (!line) { return; }
    ended = found || null;
    line.hidden = !ended;
    if (!ended) { return; }
    var buttons = [el("button", show === "settled" ? "Back to the list" : "Open", { type: "button", "class": "button-quiet", "data-alerts-show": show === "settled" ? "todo" : "settled", "data-alerts-group": "open" })];
    if (mayAct()) {
      var all = el("button", ended.ids.length > 1 ? "Mark all as seen " : "Mark as seen ", { type: "button", "class": "button-quiet", "data-alerts-act": "seen-all", "data-alerts-group": "seen" });
      all.append(el("kbd", "y"));
      buttons.push(all);
    }
    told(line, [el("b", ended.lead + "."), el("span", ended.rest, { "class": "quiet", title: ended.rest })], buttons);
  }
  function seenAll() {
    if (!ended || !mayAct() || busy.ended) { return; }
    send("seen", [{ id: "ended", ids: ended.ids, m: "", n: "", t: "" }], {}, false);
  }
  // What a new version (or a rule switched on) asks waits as one line, until somebody opens it or takes it over.
  var waiting = null;
  function group(found) {
    var line = document.getElementById("alerts-group");
    if (!line) { return; }
    waiting = found;
    line.hidden = !found || !(show === "todo" || show === "new");
    if (line.hidden) { return; }
    var open = show === "new";
    var parts = [el("b", found.lead + "."), el("span", found.rest, { "class": "quiet" })];
    var buttons = [el("button", open ? "Back to the list" : "Open", { type: "button", "class": "button-quiet", "data-alerts-show": open ? "todo" : "new", "data-alerts-group": "open" })];
    if (mayAct()) {
      buttons.push(el("button", open ? "Take the rest over into the list" : "Take over into the list", { type: "button", "class": "button-quiet", "data-alerts-act": "take-over-rest", "data-alerts-group": "take" }));
    }
    told(line, parts, buttons);
  }

  function unread(why) {
    var line = document.getElementById("alerts-unread");
    if (line) { line.textContent = why; line.hidden = !why; }
  }

  function recount(api, told) {
    var counts = told.counts, line = document.getElementById("alerts-count"), count = counts[show] || 0, of = told.people[show];
    var alerts = told.of === null || told.of === undefined ? count + (count === 1 ? " alert" : " alerts") : count + " of " + told.of + (told.of === 1 ? " alert" : " alerts");
    if (line) { line.textContent = alerts + (of === undefined ? "" : (told.of === null || told.of === undefined ? " of " : ", ") + of + (of === 1 ? " patient" : " patients")); }
    var clear = document.getElementById("alerts-clear-filters");
    if (clear) { clear.hidden = !filtered(); }
    var print = document.getElementById("alerts-print");
    if (print) {
      print.hidden = show === "done";
      var query = asking().toString();
      print.href = "/alerts/print" + (query ? "?" + query : "");
    }
    document.querySelectorAll("[data-alerts-count]").forEach(function (el) { el.textContent = String(counts[el.getAttribute("data-alerts-count")] || 0); });
    document.querySelectorAll("[data-alerts-show]").forEach(function (el) { 
      if (el.hasAttribute("data-alerts-group")) { return; }
      var key = el.getAttribute("data-alerts-show");
      el.setAttribute("aria-pressed", String(key === show));
      // A group of what is new exists for some days after an upgrade only.
      if (key === "new") { el.hidden = show !== "new" && !counts["new"]; }
    });
    document.querySelectorAll("[data-alerts-not]").forEach(function (el) { el.hidden = el.getAttribute("data-alerts-not") === show; });
    document.querySelectorAll("[data-alerts-only]").forEach(function (el) { el.hidden = el.getAttribute("data-alerts-only") !== show; });
  }

  // What decides is not cut: a reason that needs it gets a second line.
  funcs.alertsRowHeight = function (d) {
    var width = window.innerWidth, phone = window.myopanelNarrow();
    var room = width - (phone ? 42 + PHONE_ACTS : 42 + 200 + (width > WIDE ? 190 + 110 + 268 : 168 + 80 + 112)) - 44 - (d && d.part ? 18 : 0);
    var lines = d && d.t && d.t.length * 7.4 > room ? 2 : 1;
    return (phone ? 77 : 57) + (lines - 1) * 20;
  };
  function fit(api) {
    var width = window.innerWidth, phone = window.myopanelNarrow();
    api.setColumnsVisible(["patient", "owner", "since"], !phone);
    api.applyColumnState({ state: [
      { colId: "since", width: width > WIDE ? 190 : 168 }, { colId: "owner", width: width > WIDE ? 110 : 80 },
      { colId: "actions", width: width > WIDE ? 268 : phone ? PHONE_ACTS : 112 }
    ] });
    api.resetRowHeights();
    api.refreshCells({ columns: ["t", "actions"], force: true });
  }
  window.addEventListener("resize", function () { var api = grid(); if (api) { fit(api); } });

  C.myopanelAlerts = {
    filter: function (chosenWho, chosenShow, words, rule, severity) {
      if (chosenShow !== show) { unfolded = {}; }
      who = chosenWho || "all"; show = chosenShow || "todo";
      only = { q: (words || "").trim(), rule: rule || "", sev: severity || "" };
      shown = { parts: 0, more: false, asking: false };
      window.myopanelWriteQuery(Object.fromEntries(asking()));
      return window.dash_ag_grid.getApiAsync(GRID).then(function (api) {
        if (!api.myopanelReady) {
          api.myopanelReady = true;
          api.addEventListener("selectionChanged", function () { selected(api); });
          api.addEventListener("bodyScroll", function () { loadMore(api); });
        }
        api.deselectAll();
        refusals([]);
        last();
        fit(api);
        return load(api).then(function () { return window.dash_clientside.no_update; });
      });
    },
    again: function () {
      var api = grid();
      if (api) { load(api); }
      return window.dash_clientside.no_update;
    },
    clicked: function (cell) {
      // The name leads to the patient, the count unfolds; the grid hears of the click all the same.
      if (Date.now() - Math.max(leaving, folding) < 400) { return window.dash_clientside.no_update; }
      if (cell && cell.rowId !== undefined && cell.colId !== "actions" && cell.colId !== "ag-Grid-SelectionColumn") { openRow(cell.rowId); }
      return window.dash_clientside.no_update;
    },
    // Whoever read the drawer stands in its row again.
    closed: function (opened) {
      var tries = 0;
      (function back() {
        var api = grid();
        if (opened || !api) { return; }
        if (document.querySelector("[role=dialog]") && tries < 60) { tries += 1; setTimeout(back, 30); return; }
        stay(api, focused(api));
      })();
      return window.dash_clientside.no_update;
    },
    save: function (clicks, command, reason, snoozeReason, outcome, until, to, note) {
      if (clicks && command) {
        send(command.kind, command.rows, { reason: reason, "snooze-reason": snoozeReason, outcome: outcome, until: until, to: to, note: note }, true);
      }
      return window.dash_clientside.no_update;
    }
  };

  function open(d) { set("alerts-open", { data: { id: d.id, ids: d.ids || null, at: Date.now() } }); }
  function openRow(id) {
    var api = grid(), node = api && api.getRowNode(String(id));
    open(node ? node.data : { id: id });
  }

  // The rules are counted when their list is opened first.
  var counted = "";
  document.addEventListener("focusin", function (event) {
    if (!event.target || event.target.id !== "alerts-rule" || counted === show) { return; }
    counted = show;
    window.myopanelRows("/alerts/choices?show=" + encodeURIComponent(show)).then(function (found) { set("alerts-rule", { data: found.rule }); }, function () { counted = ""; });
  });
  function clearFilters() {
    set("alerts-who", { value: "all" });
    set("alerts-q", { value: "" }); set("alerts-rule", { value: null }); set("alerts-sev", { value: null });
  }

  function selected(api) {
    var bar = document.getElementById("alerts-bulk");
    if (!bar) { return; }
    var rows = api.getSelectedRows();
    bar.hidden = !rows.length;
    var said = bar.querySelector("[data-alerts-selected]");
    if (said) { said.textContent = idsOf(rows).length + " selected"; }
  }

  // ------------------------------------------------------------------------------------------------------- acting
  function begin(kind, rows, inWords) {
    rows = rows.filter(function (d) { return !busy[d.id]; });
    if (kind === "undo") { takeBack({ events: [].concat.apply([], rows.map(function (d) { return d.u || []; })) }, rows); return; }
    // What was done today is only taken back there, unless its drawer is open.
    if (show === "done" && !document.querySelector("[data-alerts-drawer]")) { return; }
    if (!mayAct() || !rows.length || !TITLES[kind]) { return; }
    if (kind === "take-over") { rows = rows.filter(function (d) { return d.v === undefined || d.v === "new"; }); if (!rows.length) { return; } }
    if ((AT_ONCE[kind] && !inWords) || (kind === "take-over" && rows[0].id !== "rest")) { send(kind, rows, {}, false); return; }
    var patients = {};
    rows.forEach(function (d) { patients[d.m] = 1; });
    var count = Object.keys(patients).length || 1;
    set("alerts-what", { children: rows.length === 1 ? rows[0].n + ": " + rows[0].t : idsOf(rows).length + " alerts of " + count + (count === 1 ? " patient" : " patients") });
    set("alerts-refused", { children: null });
    set("alerts-note", { value: "" });
    set("alerts-command", { data: { kind: kind, rows: rows } });
    set("alerts-modal", { opened: true, title: TITLES[kind] });
    var shown = FIELDS[kind];
    // The modal is drawn when it opens.
    var tries = 0;
    (function reveal() {
      var found = document.querySelectorAll("[data-alerts-field]");
      if (!found.length && tries < 60) { tries += 1; requestAnimationFrame(reveal); return; }
      found.forEach(function (el) { el.hidden = shown.indexOf(el.getAttribute("data-alerts-field")) < 0; });
      var save = document.getElementById("alerts-apply");
      if (!save) { return; }
      save.textContent = TITLES[kind];
      if (window.myopanelFirstField) { window.myopanelFirstField(save.closest("[role=dialog]")); }
    })();
  }

  function token() {
    var found = document.cookie.match(/(?:^|; )_csrf_token=([^;]*)/);
    return found ? decodeURIComponent(found[1]) : "";
  }
  function post(address, body) {
    return window.fetch(address, {
      method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json", "X-CSRFToken": token() }
    }).then(function (answer) {
      if (answer.ok || answer.status === 422) { return answer.json(); }
      throw new Error("the server answered " + answer.status);
    });
  }
  function redraw(rows) {
    var api = grid();
    if (!api) { return; }
    var nodes = rows.map(function (d) { return api.getRowNode(d.id); }).filter(Boolean);
    if (nodes.length) { api.refreshCells({ rowNodes: nodes, columns: ["actions"], force: true }); }
  }
  // Whoever stands in one of these rows goes on to the next that stays, at once: the answer may take its time.
  function step(api, rows) {
    var at = api && focused(api);
    if (!at || !rows.some(function (d) { return d.id === at.id; })) { return; }
    var leaving = {};
    rows.forEach(function (d) { leaving[d.id] = true; });
    for (var way = 1; way >= -1; way -= 2) {
      for (var index = at.index + way; index >= 0 && index < api.getDisplayedRowCount(); index += way) {
        if (!leaving[api.getDisplayedRowAtIndex(index).data.id]) { api.setFocusedCell(index, at.column); return; }
      }
    }
  }

  function send(kind, rows, form, fromDialog) {
    var drawer = document.querySelector("[data-alerts-drawer]"), api = grid();
    var asOf = drawer ? Number(drawer.getAttribute("data-alerts-seen")) : seen;
    rows.forEach(function (d) { busy[d.id] = true; });
    redraw(rows);
    if (!fromDialog && !drawer) { step(api, rows); }
    // A selection ends with the action, whatever the answer.
    if (api) { api.deselectAll(); }
    if (fromDialog) { window.myopanelBusy && window.myopanelBusy("alerts-apply", true); }
    var ids = idsOf(rows);
    post("/alerts/act", { kind: kind, ids: ids, form: form, seen: asOf }).then(function (told) {
      if (fromDialog) {
        var stays = told.refused.length && !told.done.length;
        window.myopanelBusy && window.myopanelBusy("alerts-apply", false);
        if (stays) { set("alerts-refused", { children: told.refused.join(" ") }); typed(form); }
        else { set("alerts-modal", { opened: false }); refusals(told.refused); }
      } else { refusals(told.refused); }
      if (told.said) {
        var what = rows.length === 1 && rows[0].n ? rows[0].n + ": " + told.said.replace(/^1 alert /, "") : told.said;
        var can = told.undo && (told.undo.events || told.undo.given);
        say(what, told.at, can ? { undo: told.undo, rows: rows, at: Date.now() } : null);
      }
      after(rows, told);
    }, function () {
      if (fromDialog) { window.myopanelBusy && window.myopanelBusy("alerts-apply", false); set("alerts-refused", { children: "Not saved: the server could not be reached. What you typed is still here." }); typed(form); }
      else { refusals(["Not saved: the server could not be reached. Try again."]); }
      after(rows, null);
    });
  }

  function typed(form) {
    var save = document.getElementById("alerts-apply"), box = save && save.closest("[role=dialog]");
    if (box && (form.note || "").trim()) { box.setAttribute("data-typed", ""); }
  }

  function after(rows, told) {
    rows.forEach(function (d) { delete busy[d.id]; });
    var api = grid();
    if (api) { load(api).then(function () { redraw(rows); }); }
    if (!told || !told.version) { return; }
    set("alerts-version", { data: told.version });
    set("shell-refresh", { data: { quiet: told.version } });
    var drawer = document.querySelector("[data-alerts-drawer]");
    if (drawer && rows.some(function (d) { return String(d.id) === drawer.getAttribute("data-alerts-drawer"); })) { open(ofDrawer(drawer)); }
  }

  // What was done stands beside the list with its Undo for ten minutes; earlier things follow when the last is taken back.
  var done = [];
  function say(what, at, undo) {
    done.push({ what: what + " · saved " + at, undo: undo });
    last();
  }
  function last() {
    done = done.filter(function (one) { return !one.undo || Date.now() - one.undo.at < KEPT; }).slice(-40);
    var one = done[done.length - 1], line = document.getElementById("alerts-said"), button = document.getElementById("alerts-undo-button");
    if (!line || !button) { return; }
    line.textContent = one ? one.what : "";
    line.title = line.textContent;
    button.hidden = !one || !one.undo || !mayAct();
  }
  setInterval(last, 15000);
  function undoLast() {
    var one = done[done.length - 1];
    if (!one || !one.undo) { return; }
    done.pop();
    takeBack(one.undo.undo, one.undo.rows);
  }
  function takeBack(undo, rows) {
    if (!mayAct() || !rows.length || rows.some(function (d) { return busy[d.id]; })) { return; }
    rows.forEach(function (d) { busy[d.id] = true; });
    redraw(rows);
    if (grid()) { step(grid(), rows); grid().deselectAll(); }
    post("/alerts/undo", undo).then(function (told) {
      refusals(told.refused);
      if (told.said) { done = done.filter(function (one) { return one.undo; }); done.push({ what: (rows.length === 1 && rows[0].n ? rows[0].n + ": taken back" : told.said) + " · saved " + told.at, undo: null }); }
      last();
      setTimeout(function () { done = done.filter(function (one) { return one.undo; }); last(); }, 6000);
      after(rows, told);
    }, function () { refusals(["Not taken back: the server could not be reached. Try again."]); after(rows, null); });
  }
  function refusals(why) {
    var line = document.getElementById("alerts-refusals");
    if (!line) { return; }
    line.hidden = !why.length;
    if (!why.length) { return; }
    var text = document.createElement("span"), close = document.createElement("button");
    text.textContent = why.join(" ");
    close.type = "button"; close.className = "button-quiet"; close.textContent = "Close";
    close.addEventListener("click", function () { line.hidden = true; });
    line.replaceChildren(text, close);
  }

  function takeOverRest() {
    if (!waiting) { return; }
    begin("take-over", [{ id: "rest", m: "", n: waiting.all, t: "they go into the list, each at its place" }]);
  }

  // What a drawer shows, which may have left the list: one alert, or those of a visit.
  function ofDrawer(drawer) {
    var ids = drawer.getAttribute("data-alerts-ids");
    return { id: drawer.getAttribute("data-alerts-drawer"), ids: ids ? ids.split(" ") : undefined, m: "", n: drawer.getAttribute("data-alerts-label"), t: "" };
  }
  function targets() {
    var drawer = document.querySelector("[data-alerts-drawer]");
    var api = grid();
    if (drawer && api) {
      var node = api.getRowNode(drawer.getAttribute("data-alerts-drawer"));
      if (node) { return [node.data]; }
      return [ofDrawer(drawer)];
    }
    if (!api) { return []; }
    var chosen = api.getSelectedRows();
    if (chosen.length) { return chosen; }
    var cell = api.getFocusedCell(), row = cell && api.getDisplayedRowAtIndex(cell.rowIndex);
    return row ? [row.data] : [];
  }

  document.addEventListener("click", function (event) {
    var el = event.target.closest ? event.target : null;
    if (!el || !page()) { return; }
    var chip = el.closest("[data-alerts-show]");
    if (chip) { set("alerts-show", { data: chip.getAttribute("data-alerts-show") }); return; }
    var until = el.closest("[data-alerts-until]");
    if (until) { set("alerts-until", { value: until.getAttribute("data-alerts-until") }); return; }
    if (el.closest("#alerts-undo-button")) { undoLast(); return; }
    if (el.closest("#alerts-clear-filters")) { clearFilters(); return; }
    var part = el.closest("[data-alerts-open]");
    if (part) { open({ id: part.getAttribute("data-alerts-open") }); return; }
    var back = el.closest("[data-alerts-undo]");
    if (back) { takeBack({ events: [back.getAttribute("data-alerts-undo")] }, targets()); return; }
    var act = el.closest("[data-alerts-act]");
    if (act) {
      var kind = act.getAttribute("data-alerts-act");
      if (kind === "take-over-rest") { takeOverRest(); return; }
      if (kind === "seen-all") { seenAll(); return; }
      if (kind === "clear") { var api = grid(); if (api) { api.deselectAll(); } return; }
      begin(kind, targets());
    }
  });

  // ---------------------------------------------------------------------------------------------------------- keys
  window.myopanelKeys = window.myopanelKeys || {};
  window.myopanelKeys.alerts = ["Alerts", [
    ["j k", "Next line, line before"], ["o Enter", "Open what it rests on"], ["p", "Open the patient"], ["e", "Show each alert of a visit, or fold them"],
    ["x", "Select, or take out of the selection"], ["Shift x", "Select all that is listed, or nothing"]
  ], [
    ["a", "Acknowledge"], ["Shift a", "Acknowledge with a reason"], ["s", "Snooze"], ["g", "Assign"], ["r", "Resolve"], ["c", "Comment"],
    ["m", "Mark as seen what ended by itself"], ["y", "Mark all that ended by itself as seen"], ["t", "Take over what is new"], ["u", "Undo"]
  ], [
    ["1 … 9", "To do, Today, This week, … in the order of the page"], ["w", "Whose alerts: mine, my role’s, all, unassigned"], ["f", "Filter by words"],
    ["0", "Clear the filters"], ["n", "What is new with this version"]
  ]];
  var ACTS = { a: "acknowledge", A: "acknowledge", s: "snooze", g: "assign", r: "resolve", c: "comment", m: "seen", t: "take-over" };
  function chips() { return Array.prototype.filter.call(document.querySelectorAll(".chip[data-alerts-show]"), function (el) { return !el.hidden; }); }
  function nextWho() {
    var inputs = Array.prototype.slice.call(document.querySelectorAll("#alerts-who input[type=radio]"));
    var values = inputs.map(function (el) { return el.value; });
    if (values.length) { set("alerts-who", { value: values[(values.indexOf(who) + 1) % values.length] }); }
  }
  // What a key does needs the rows that it is for: a settled one is seen and nothing else.
  function fitting(kind, rows) {
    return rows.filter(function (d) {
      if (kind === "seen") { return d.v === undefined || d.v === "settled"; }
      return kind === "comment" || d.v !== "settled" || kind === "acknowledge";
    });
  }

  var pressed = { key: "", at: 0 };
  document.addEventListener("keydown", function (event) {
    var api = grid();
    if (!api) { return; }
    var dialog = document.querySelector("[data-alerts-drawer]");
    var modal = document.getElementById("alerts-apply");
    if (modal || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox" && event.target.type !== "radio") { return; }
    var key = event.key;
    if (key === "u") {
      event.preventDefault();
      if (event.repeat) { return; }
      if (show === "done" && targets().length) { begin("undo", targets()); } else { undoLast(); }
      return;
    }
    if (ACTS[key] && (key !== "t" || show === "new")) {
      event.preventDefault();
      // Held down, or bounced: the alert below, which nobody has read, must not be acknowledged by the echo.
      if (event.repeat || (pressed.key === key && Date.now() - pressed.at < TWICE)) { return; }
      pressed = { key: key, at: Date.now() };
      begin(ACTS[key], fitting(ACTS[key], targets()), key === "A");
      return;
    }
    pressed = { key: "", at: 0 };
    if (key === "n" && waiting && !dialog) { event.preventDefault(); set("alerts-show", { data: show === "new" ? "todo" : "new" }); return; }
    if (dialog) { return; }
    if (key === "y") { event.preventDefault(); if (!event.repeat) { seenAll(); } return; }
    if (key === "j" || key === "k") { event.preventDefault(); window.myopanelMoveRow(api, key === "j" ? 1 : -1); return; }
    if (key === "f") { event.preventDefault(); var field = document.getElementById("alerts-q"); if (field) { field.focus(); field.select(); } return; }
    if (key === "w") { event.preventDefault(); nextWho(); return; }
    if (key === "0") { event.preventDefault(); clearFilters(); return; }
    if (/^[1-9]$/.test(key)) { var chip = chips()[Number(key) - 1]; if (chip) { event.preventDefault(); chip.click(); } return; }
    if (key === "X") { event.preventDefault(); if (mayAct()) { if (api.getSelectedRows().length) { api.deselectAll(); } else { api.selectAll(); } } return; }
    if (key === "Escape" && api.getSelectedRows().length) { api.deselectAll(); return; }
    var cell = api.getFocusedCell(), row = cell && api.getDisplayedRowAtIndex(cell.rowIndex);
    if (!row) { return; }
    if (key === "o" || key === "Enter") { event.preventDefault(); open(row.data); }
    if (key === "p") { event.preventDefault(); window.myopanelGo(window.myopanelPatientPath(row.data.m)); }
    if (key === "e" && (row.data.ids || row.data.part)) { event.preventDefault(); fold(row.data.ids ? row.data.id : row.data.g); }
    if (key === "x" && mayAct()) { event.preventDefault(); row.setSelected(!row.isSelected()); }
  });
  // In the field of words: Escape and Enter go back to the list.
  document.addEventListener("keydown", function (event) {
    if (!event.target || event.target.id !== "alerts-q" || (event.key !== "Escape" && event.key !== "Enter")) { return; }
    var api = grid();
    event.preventDefault();
    event.target.blur();
    if (api && api.getDisplayedRowCount()) { api.setFocusedCell(0, "patient"); }
  });
})();
