// The panel's cells, filters and keys. The grid asks the server for a part of the list at a time; filtering and sorting
// happen there.
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
    var w = options.width || 60, t = 20, pad = 2.5;
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
    if (!props.data) { return h("span", { className: "c-sub" }, "…"); }
    var d = props.data, severity = BY_RANK[d.r];
    var path = window.myopanelPatientPath(d.m);
    var head = h("div", { style: { display: "flex", gap: 10, alignItems: "flex-start" } },
      h("span", { className: "sev sev-" + severity, title: WORDS[severity] || "Nothing to do" }, shape(severity), h("span", { className: "only-read" }, WORDS[severity] || "Nothing to do")),
      h("div", { className: "c-two" },
        h("a", { href: path, onClick: go(path), className: "c-strong", style: { color: "inherit" }, tabIndex: -1 }, d.n),
        h("span", { className: "c-sub" }, [d.m, d.x.replace(/_.*/, ""), d.a].filter(Boolean).join(" · "))));
    return window.myopanelNarrow() ? h("div", null, head, why(d)) : head;
  };

  cells.PanelWhy = function (props) { return props.data ? why(props.data) : null; };

  // Two lines at most; the others are a count that opens in place. What somebody has in hand comes last.
  var LINES = 2;
  function why(d) {
    if (!d.w) {
      return h("span", { className: "c-sub c-wrap", title: d.u ? d.u.join("\n") : "" }, d.u ? d.u[0] + (d.u.length > 1 ? " · and " + (d.u.length - 1) + " more" : "") : "Nothing to report");
    }
    var rest = d.w.slice(LINES);
    return h("div", { className: "why" + (d.w.length === 1 ? " why-one" : "") }, d.w.slice(0, LINES).map(function (line, i) {
      return reason(line, i, i === LINES - 1 && rest.length ? more(d, rest) : null);
    }));
  }
  function reason(line, key, after) {
    return h("div", { key: key, className: line[2] ? "done" : "" },
      h("span", { className: "sev sev-" + line[0], title: WORDS[line[0]] }, shape(line[0]), h("span", { className: "only-read" }, WORDS[line[0]] + ": ")),
      h("span", { className: "w-text", title: line[1] }, line[1]),
      line[2] ? h("span", { className: "w-state" }, line[2]) : null,
      after);
  }
  function more(d, rest) {
    var quiet = rest.every(function (line) { return line[2]; });
    return h("button", {
      type: "button", className: "link w-more", tabIndex: -1, "aria-haspopup": "true",
      title: rest.map(function (line) { return line[1] + (line[2] ? " (" + line[2] + ")" : ""); }).join("\n"),
      onClick: function (event) { event.stopPropagation(); openReasons(event.currentTarget, d); }
    }, "+ " + rest.length + (quiet ? " in hand" : " more"));
  }
  // All reasons of a patient over the list; a click beside it or Escape closes it.
  function openReasons(button, d) {
    var old = document.getElementById("panel-reasons");
    if (old) { old.remove(); }
    var box = document.createElement("div");
    box.id = "panel-reasons"; box.className = "why why-all"; box.setAttribute("popover", "auto");
    box.setAttribute("role", "dialog"); box.setAttribute("aria-label", "All reasons of " + d.n);
    d.w.forEach(function (line) {
      var row = document.createElement("div");
      row.className = line[2] ? "done" : "";
      [["sev sev-" + line[0], ""], ["w-text", line[1]], ["w-state", line[2]]].forEach(function (part) {
        var span = document.createElement("span");
        span.className = part[0]; span.textContent = part[1];
        if (!part[1]) { span.innerHTML = '<span class="sev-icon" aria-hidden="true"></span>'; span.title = WORDS[line[0]]; }
        if (part[0] !== "w-state" || part[1]) { row.appendChild(span); }
      });
      box.appendChild(row);
    });
    document.body.appendChild(box);
    var at = button.closest(".ag-cell").getBoundingClientRect();
    box.style.left = Math.max(8, Math.min(at.left, window.innerWidth - 420)) + "px";
    box.addEventListener("toggle", function (event) { if (event.newState === "closed") { box.remove(); } });
    box.showPopover();
    var room = window.innerHeight - at.top - 12;
    box.style.top = Math.max(8, at.top - Math.max(0, box.offsetHeight - room)) + "px";
  }

  cells.PanelTrend = function (props) {
    var v = props.value;
    if (!v) { return props.data ? h("span", { className: "c-sub" }, "–") : null; }
    return h("div", { className: "c-trend" },
      h("div", { className: "c-two" }, h("span", { className: "txt" }, v[0]), h("span", { className: "c-sub" + (v[3] ? " c-warn" : "") }, v[1])),
      window.myopanelSpark(v[2], { label: "trend, newest " + v[0] }));
  };

  cells.PanelDose = function (props) {
    var v = props.value;
    if (!props.data) { return null; }
    if (!v) { return h("span", { className: "c-sub" }, "–"); }
    return h("div", { className: "c-trend" },
      h("div", { className: "c-two" }, h("span", { className: "txt" }, v[0]), h("span", { className: "c-sub c-warn" }, v[1])),
      window.myopanelSpark(v[2], { area: true, label: "daily dose over six months, now " + v[0] }));
  };

  cells.PanelLabs = function (props) {
    var v = props.value;
    if (!props.data) { return null; }
    if (!v) { return h("span", { className: "c-sub" }, "–"); }
    return h("div", { className: "c-two" }, h("span", { className: v[2] ? "c-" + v[2] : "" }, v[0] || "none required"), h("span", { className: "c-sub" }, v[1]));
  };

  cells.PanelSeen = function (props) {
    var v = props.value;
    if (!props.data) { return null; }
    return v ? h("span", { title: v[1] }, v[0] ? v[0] + " d" : "today") : h("span", { className: "c-sub", title: "No examination on file" }, "never");
  };

  // ------------------------------------------------------------------------------------------------------- filters
  var wanted = { q: "", who: "", sev: "", rule: "", site: "", dx: "", why: "" };

  window.myopanelWriteQuery = function (values) {
    var query = new URLSearchParams();
    Object.keys(values).forEach(function (key) { if (values[key]) { query.set(key, values[key]); } });
    var text = query.toString();
    var path = window.location.pathname + (text ? "?" + text : "");
    if (path !== window.location.pathname + window.location.search) { window.history.replaceState(window.history.state, "", path); }
  };

  // The rows of a part of the list. What a part said last is kept, so that one that has not changed is not sent again.
  function address(start, end, sort) {
    var query = new URLSearchParams();
    Object.keys(wanted).forEach(function (key) { if (wanted[key]) { query.set(key, wanted[key]); } });
    if (sort) { query.set("sort", sort.colId); query.set("dir", sort.sort); }
    query.set("start", start); query.set("count", end - start);
    return "/panel/rows?" + query.toString();
  }
  function source(api) {
    return {
      getRows: function (params) {
        var from = address(params.startRow, params.endRow, params.sortModel[0]);
        window.myopanelRows(from).then(function (found) {
          if (api.isDestroyed()) { return; }
          params.successCallback(found.rows, found.total);
          if (found.total) { api.hideOverlay(); } else { api.showNoRowsOverlay(); }
          window.dash_clientside.set_props("panel-counts", { children: found.counts });
          if (!api.myopanelShown) { api.myopanelShown = true; window.myopanelFirstRow(); }
        }, function () {
          params.failCallback();
          window.dash_clientside.set_props("panel-counts", { children: "The list could not be read. Load the page again." });
        });
      }
    };
  }

  // The grid sets a source of its own (which would ask through Dash) when it is ready; ours comes after that.
  function begin(api) {
    if (api.isDestroyed()) { return; }
    if (!api.getGridOption("datasource")) { requestAnimationFrame(function () { begin(api); }); return; }
    fit(api);
    api.setGridOption("datasource", source(api));
  }

  C.myopanelPanel = {
    filter: function (q, who, sev, rule, site, dx, why) {
      var before = JSON.stringify(wanted);
      wanted = { q: (q || "").trim(), who: who || "", sev: sev || "", rule: rule || "", site: site || "", dx: dx || "", why: why || "" };
      window.myopanelWriteQuery(wanted);
      return window.dash_ag_grid.getApiAsync("panel-grid").then(function (api) {
        if (!api.myopanelReady) {
          api.myopanelReady = true;
          api.addEventListener("cellClicked", function (event) {
            if (event.data && !event.event.defaultPrevented) { window.myopanelGo(window.myopanelPatientPath(event.data.m)); }
          });
          begin(api);
        } else if (JSON.stringify(wanted) !== before) {
          api.ensureIndexVisible(0);
          api.purgeInfiniteCache();
        }
        return window.dash_clientside.no_update;
      });
    }
  };

  // The choices of a filter with how many patients each concerns are asked for when it is opened first.
  var counted = false;
  document.addEventListener("focusin", function (event) {
    var id = event.target && event.target.id;
    if (counted || (id !== "panel-rule" && id !== "panel-diagnosis")) { return; }
    counted = true;
    window.myopanelRows("/panel/choices").then(function (found) {
      window.dash_clientside.set_props("panel-rule", { data: found.rule });
      window.dash_clientside.set_props("panel-diagnosis", { data: found.diagnosis });
    }, function () { counted = false; });
  });

  // The reasons matter most: on a small screen the curves go first, then the columns.
  var size = "";
  function fit(api) {
    var width = window.innerWidth;
    var now = width <= 760 ? "phone" : width < 1240 ? "small" : "large";
    if (now === size && api.myopanelFitted) { return; }
    size = now;
    api.myopanelFitted = true;
    api.setColumnsVisible(["w", "strength", "ck", "dose", "labs", "seen"], now !== "phone");
    var widths = now === "small" ? { patient: 186, strength: 92, ck: 96, dose: 98, labs: 118, seen: 62 } : { patient: 216, strength: 166, ck: 150, dose: 172, labs: 116, seen: 84 };
    api.applyColumnState({ state: Object.keys(widths).map(function (id) { return { colId: id, width: widths[id], flex: now === "phone" && id === "patient" ? 1 : null }; }) });
    api.setGridOption("rowHeight", now === "phone" ? 97 : 57);
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
      if (node && node.data) { event.preventDefault(); window.myopanelGo(window.myopanelPatientPath(node.data.m)); }
    }
  });
})();
