// The few things of the frame that belong to the browser: title, search by "/", opening a patient.
(function () {
  "use strict";
  var C = (window.dash_clientside = window.dash_clientside || {});
  var M = (C.myopanel = C.myopanel || {});
  var skip = function () { return window.dash_clientside.no_update; };

  M.setTitle = function (title) { if (title) { document.title = title; } return skip(); };

  M.openPatient = function (mrn) {
    if (!mrn) { return [skip(), skip()]; }
    return ["/patients/" + encodeURIComponent(mrn), null];
  };

  // The server has filtered already, by record number as well as by name.
  (window.dashMantineFunctions = window.dashMantineFunctions || {}).keepAll = function (input) { return input.options; };

  // Inside the application without loading it again.
  window.myopanelGo = function (path) {
    window.history.pushState({}, "", path);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  };

  window.myopanelTyping = function (event) {
    var el = event.target;
    return event.ctrlKey || event.metaKey || event.altKey || !el || el.isContentEditable ||
      /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) || !!(el.closest && el.closest("[role=dialog],[role=listbox]"));
  };

  document.addEventListener("keydown", function (event) {
    if (event.key === "/" && !window.myopanelTyping(event)) {
      var field = document.getElementById("shell-search");
      if (field) { event.preventDefault(); field.focus(); }
    }
  });
})();
