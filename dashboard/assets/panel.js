// The panel's cells, filters and keys. Every row is in the browser; nothing here asks the server.
(function () {
  "use strict";
  var h = function () { return window.React.createElement.apply(null, arguments); };
  var cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  var funcs = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  var C = (window.dash_clientside = window.dash_clientside || {});
  var WORDS = { urgent: "Today", action: "This week", watch: "Next visit", cannot_tell: "Cannot tell" };
  var BY_RANK = { 4: "urgent", 3: "action", 2: "watch", 1: "cannot_tell", 0: "none" };

  function shape(severity) { return h("span", { className: "sev-icon", "aria-hidden": true }); }
  function go(path) {
    return function (event) {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) { return; }
      event.preventDefault(); event.stopPropagation(); window.myopanelGo(path);
    };
  }
  window.myopanelPatientPath = function (mrn) { return "/patients/" + encodeURIComponent(mrn); };

  // A curve of at most 12 numbers from 0 to 100; "area" fills it (a dose), otherwise a line with its last point.
  window.myopanelSpark = function (curve, options) {
    if (!curve || curve.length < 2) { return null; }
    var w = options.width || 64, t = 20, pad = 2.5;
    var x = function (i) { return +(pad + i * (w - 2 * pad) / (curve.length - 1)).toFixed(1); };
    var y = function (v) { return +(t - pad - v / 100 * (t - 2 * pad)).toFixed(1); };
    var parts;
    if (options.area) {
      var d = "M" + x(0) + " " + (t - pad);
      curve.forEach(function (v, i) { d += (i ? "H" + x(i) : "") + "V" + y(v); });
      d += "V" + (t - pad) + "Z";
      parts = [h("path", { key: "a", d: d, fill: "currentColor", opacity: .35 }), h("path", { key: "l", d: "M" + x(0) + " " + (t - pad) + "H" + (w - pad), stroke: "currentColor", strokeWidth: 1, opacity: .5 })];
    } else {
      var points = curve.map(function (v, i) { return x(i) + "," + y(v); }).join(" ");
      parts = [h("polyline", { key: "l", points: points, fill: "none", stroke: "currentColor", strokeWidth: 1.4, strokeLinejoin: "round" }),
        h("circle", { key: "c", cx: x(curve.length - 1), cy: y(curve[curve.length - 1]), r: 2.2, fill: "currentColor" })];
    }
    return h("svg", { width: w, height: t, viewBox: "0 0 " + w + " " + t, role: "img", "aria-label": options.label }, parts);
  };

  // On a phone there is one column: the reasons stand below the name.
  window.myopanelNarrow = function () { return window.innerWidth <= 760; };

  cells.PanelPatient = function (props) {
    var d = props.data, severity = BY_RANK[d.r];
    var path = window.myopanelPatientPath(d.m);
    var head = h("div", { style: { display: "flex", gap: 10, alignItems: "flex-start" } },
      h("span", { className: "sev sev-" + severity, title: WORDS[severity] || "Nothing to do" }, shape(severity), h("span", { className: "only-read" }, WORDS[severity] || "Nothing to do")),
      h("div", { className: "c-two" },
        h("a", { href: path, onClick: go(path), className: "c-strong", style: { color: "inherit" }, tabIndex: -1 }, d.n),
        h("span", { className: "c-sub" }, [d.m, d.x.replace(/_.*/, ""), d.a].filter(Boolean).join(" · "))));
    return window.myopanelNarrow() ? h("div", null, head, why(d)) : head;
  };

  cells.PanelWhy = function (props) { return why(props.data); };
  function why(d) {
    if (!d.w) {
      return h("span", { className: "c-sub", title: d.u ? d.u.join("\n") : "" }, d.u ? d.u[0] + (d.u.length > 1 ? " · and " + (d.u.length - 1) + " more" : "") : "Nothing to report");
    }
    return h("div", { className: "why" }, d.w.map(function (line, i) {
      return h("div", { key: i, className: line[2] ? "done" : "" },
        h("span", { className: "sev sev-" + line[0], title: WORDS[line[0]] }, shape(line[0]), h("span", { className: "only-read" }, WORDS[line[0]] + ": ")),
        h("span", { className: "w-text", title: line[1] }, line[1]),
        line[2] ? h("span", { className: "w-state" }, line[2]) : null);
    }));
  }

  cells.PanelTrend = function (props) {
    var v = props.value;
    if (!v) { return h("span", { className: "c-sub" }, "–"); }
    return h("div", { className: "c-trend" },
      h("div", { className: "c-two" }, h("span", { className: "txt" }, v[0]), h("span", { className: "c-sub" + (v[3] ? " c-warn" : "") }, v[1])),
      window.myopanelSpark(v[2], { label: "trend, newest " + v[0] }));
  };

  cells.PanelDose = function (props) {
    var v = props.data.d;
    if (!v) { return h("span", { className: "c-sub" }, "–"); }
    return h("div", { className: "c-trend" },
      h("div", { className: "c-two" }, h("span", { className: "txt" }, v[0]), h("span", { className: "c-sub c-warn" }, v[1])),
      window.myopanelSpark(v[2], { area: true, label: "daily dose over six months, now " + v[0] }));
  };

  cells.PanelLabs = function (props) {
    var v = props.data.l;
    if (!v) { return h("span", { className: "c-sub" }, "–"); }
    return h("div", { className: "c-two" }, h("span", { className: v[2] ? "c-" + v[2] : "" }, v[0] || "none required"), h("span", { className: "c-sub" }, v[1]));
  };

  cells.PanelSeen = function (props) {
    var v = props.value;
    return v ? h("span", { title: v[1] }, v[0] ? v[0] + " d" : "today") : h("span", { className: "c-sub", title: "No examination on file" }, "never");
  };

  // Two lines at least (name and record number); one more for each further reason.
  funcs.panelRowHeight = function (params) {
    var lines = params.data.w ? params.data.w.length : 1;
    return 17 + 20 * (window.myopanelNarrow() ? 2 + lines : Math.max(2, lines));
  };
  funcs.panelBySeen = function (a, b) { return (a ? a[0] : 1e6) - (b ? b[0] : 1e6); };

  // ------------------------------------------------------------------------------------------------------- filters
  var wanted = { q: "", who: "", sev: "", rule: "", site: "", dx: "", why: "" };
  var me = [];
  funcs.panelFiltered = function () { return Object.keys(wanted).some(function (key) { return wanted[key]; }); };
  function passes(d, f) {
    if (f.who && me.indexOf((d.c || "").toLowerCase()) < 0) { return false; }
    if (f.sev && (f.sev === "cannot_tell" ? !d.u : BY_RANK[d.r] !== f.sev)) { return false; }
    if (f.rule && !(d.k && d.k.indexOf(f.rule) >= 0)) { return false; }
    if (f.site && d.site !== f.site) { return false; }
    if (f.dx && d.x !== f.dx) { return false; }
    if (f.why && !(d.u && d.u.indexOf(f.why) >= 0)) { return false; }
    if (f.q) {
      var text = (d.n + " " + d.m).toLowerCase();
      return f.q.toLowerCase().split(/\s+/).every(function (word) { return text.indexOf(word) >= 0; });
    }
    return true;
  }
  funcs.panelPasses = function (params) { return passes(params.data, wanted); };

  window.myopanelWriteQuery = function (values) {
    var query = new URLSearchParams();
    Object.keys(values).forEach(function (key) { if (values[key]) { query.set(key, values[key]); } });
    var text = query.toString();
    var path = window.location.pathname + (text ? "?" + text : "");
    if (path !== window.location.pathname + window.location.search) { window.history.replaceState(window.history.state, "", path); }
  };

  C.myopanelPanel = {
    filter: function (q, who, sev, rule, site, dx, why, myself) {
      wanted = { q: (q || "").trim(), who: who || "", sev: sev || "", rule: rule || "", site: site || "", dx: dx || "", why: why || "" };
      me = (myself || []).map(function (name) { return (name || "").toLowerCase(); }).filter(Boolean);
      window.myopanelWriteQuery(wanted);
      return window.dash_ag_grid.getApiAsync("panel-grid").then(function (api) {
        api.onFilterChanged();
        if (!funcs.panelFiltered()) { api.hideOverlay(); } else if (!api.getDisplayedRowCount()) { api.showNoRowsOverlay(); } else { api.hideOverlay(); }
        fit(api);
        var shown = 0, all = 0, today = 0, week = 0, unable = 0;
        api.forEachNode(function (node) {
          all += 1;
          if (!passes(node.data, wanted)) { return; }
          shown += 1;
          if (node.data.r === 4) { today += 1; } else if (node.data.r === 3) { week += 1; }
          if (node.data.u) { unable += 1; }
        });
        var text = function (x) { return x.toLocaleString("en").replace(/,/g, "\u202f"); };
        var of = shown === all ? text(all) + " patients" : text(shown) + " of " + text(all) + " patients";
        return of + " · " + text(today) + " today · " + text(week) + " this week · " + text(unable) + " cannot tell";
      });
    },
    open: function (clicked) {
      var row = clicked && clicked.rowId;
      if (row !== undefined && row !== null) { window.myopanelGo(window.myopanelPatientPath(row)); }
      return window.dash_clientside.no_update;
    }
  };

  // The reasons matter most: on a small screen the curves go first, then the columns.
  var size = "";
  function fit(api) {
    var width = window.innerWidth;
    var now = width <= 760 ? "phone" : width < 1240 ? "small" : "large";
    if (now === size && api.myopanelFitted) { return; }
    size = now;
    api.myopanelFitted = true;
    api.setColumnsVisible(["w", "strength", "ck", "dose", "labs", "seen"], now !== "phone");
    var widths = now === "small" ? { patient: 190, strength: 92, ck: 104, dose: 94, labs: 110, seen: 70 } : { patient: 216, strength: 166, ck: 172, dose: 158, labs: 116, seen: 84 };
    api.applyColumnState({ state: Object.keys(widths).map(function (id) { return { colId: id, width: widths[id], flex: now === "phone" && id === "patient" ? 1 : null }; }) });
    api.resetRowHeights();
    api.refreshCells({ columns: ["patient"], force: true });
  }
  window.addEventListener("resize", function () {
    var api = window.dash_ag_grid && document.getElementById("panel-grid") && window.dash_ag_grid.getApi("panel-grid");
    if (api) { fit(api); }
  });

  // A cause under "could not be evaluated" filters the list to whom it concerns; a second click takes it back.
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-panel-cause]");
    if (button) {
      var cause = button.getAttribute("data-panel-cause");
      window.dash_clientside.set_props("panel-unable", { value: wanted.why === cause ? "" : cause });
    }
  });

  // ---------------------------------------------------------------------------------------------------------- keys
  window.myopanelMoveRow = function (api, step) {
    var count = api.getDisplayedRowCount();
    if (!count) { return null; }
    var cell = api.getFocusedCell();
    var index = cell ? Math.max(0, Math.min(count - 1, cell.rowIndex + step)) : 0;
    api.ensureIndexVisible(index);
    api.setFocusedCell(index, "patient");
    return api.getDisplayedRowAtIndex(index);
  };
  document.addEventListener("keydown", function (event) {
    if (!document.querySelector('[data-keys="panel"]') || window.myopanelTyping(event) || !window.dash_ag_grid) { return; }
    var api = document.getElementById("panel-grid") && window.dash_ag_grid.getApi("panel-grid");
    if (!api) { return; }
    if (event.key === "j" || event.key === "k") { event.preventDefault(); window.myopanelMoveRow(api, event.key === "j" ? 1 : -1); }
    if (event.key === "Enter") {
      var cell = api.getFocusedCell();
      var node = cell && api.getDisplayedRowAtIndex(cell.rowIndex);
      if (node) { event.preventDefault(); window.myopanelGo(window.myopanelPatientPath(node.data.m)); }
    }
  });
})();
