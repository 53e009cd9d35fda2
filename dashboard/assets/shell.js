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

  // Enter opens the first patient found. The answer may still be on its way, and what is listed may belong to an earlier
  // letter: only a patient that has all the words in the field is opened.
  document.addEventListener("keydown", function (event) {
    var field = event.target;
    if (event.key !== "Enter" || !field || field.id !== "shell-search") { return; }
    var list = document.getElementById(field.getAttribute("aria-controls"));
    if (list && list.querySelector("[data-combobox-selected]")) { return; }
    event.preventDefault(); event.stopPropagation();
    var words = field.value.toLowerCase().split(/\s+/).filter(Boolean), tries = 0;
    (function choose() {
      var found = document.getElementById(field.getAttribute("aria-controls"));
      var first = found && found.querySelector("[role=option]");
      var label = first ? first.textContent.toLowerCase() : "";
      if (first && words.length && words.every(function (word) { return label.indexOf(word) >= 0; })) { first.click(); return; }
      tries += 1;
      if (tries < 20) { setTimeout(choose, 80); }
    })();
  }, true);

  // A menu closes when one clicks beside it, or presses Escape.
  function closeMenus(keep) {
    document.querySelectorAll(".user[open]").forEach(function (menu) { if (menu !== keep) { menu.open = false; } });
  }
  document.addEventListener("click", function (event) { closeMenus(event.target.closest && event.target.closest(".user")); });

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") { closeMenus(null); }
    if (event.key === "/" && !window.myopanelTyping(event)) {
      var field = document.getElementById("shell-search");
      if (field) { event.preventDefault(); field.focus(); }
    }
  });
})();
