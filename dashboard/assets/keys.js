// "?" shows what the keyboard does on this page. Pages say their own keys (window.myopanelKeys), by their `data-keys`.
(function () {
  "use strict";
  var pages = (window.myopanelKeys = window.myopanelKeys || {});
  pages.panel = ["Panel", [["j k", "Next patient, patient before"], ["Enter", "Open the patient"]]];
  pages.patient = ["Patient", [["n", "Record a fact"]]];
  var EVERYWHERE = [["/", "Search a patient by name or record number"], ["?", "This sheet"], ["Escape", "Close what is open"], ["Enter", "In a dialog: its main button"]];

  function el(kind, name, text) {
    var made = document.createElement(kind);
    if (name) { made.className = name; }
    if (text) { made.textContent = text; }
    return made;
  }
  function list(rows) {
    var made = el("dl", "keys-list");
    rows.forEach(function (row) {
      var term = el("dt");
      row[0].split(" ").forEach(function (key) { term.append(/^[…]$/.test(key) ? document.createTextNode(" … ") : el("kbd", "", key), " "); });
      made.append(term, el("dd", "", row[1]));
    });
    return made;
  }
  function here() {
    var page = document.querySelector("[data-keys]");
    if (page) { return pages[page.getAttribute("data-keys")]; }
    return /^\/patients\//.test(window.location.pathname) ? pages.patient : null;
  }
  function open() {
    if (document.getElementById("keys-sheet")) { return; }
    var sheet = el("dialog", "keys-sheet"), head = el("div", "keys-head"), close = el("button", "button-quiet", "Close"), body = el("div", "keys-body"), own = here();
    sheet.id = "keys-sheet";
    sheet.setAttribute("aria-label", "Keys");
    close.type = "button";
    close.addEventListener("click", function () { sheet.close(); });
    head.append(el("h2", "", own ? "Keys: " + own[0] : "Keys"), close);
    if (own) { own.slice(1).forEach(function (rows) { body.append(list(rows)); }); }
    body.append(list(EVERYWHERE));
    sheet.append(head, body);
    sheet.addEventListener("close", function () { sheet.remove(); });
    sheet.addEventListener("click", function (event) { if (event.target === sheet) { sheet.close(); } });
    document.body.append(sheet);
    sheet.showModal();
  }
  // While the sheet is open no key reaches the page below.
  window.addEventListener("keydown", function (event) {
    var sheet = document.getElementById("keys-sheet");
    if (sheet) {
      event.stopImmediatePropagation();
      if (event.key === "?" || event.key === "Escape") { event.preventDefault(); sheet.close(); }
      return;
    }
    if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey) { return; }
    var on = event.target;
    if (on && (on.isContentEditable || (/^(INPUT|TEXTAREA|SELECT)$/.test(on.tagName) && !/^(checkbox|radio)$/.test(on.type)))) { return; }
    event.preventDefault(); event.stopImmediatePropagation();
    open();
  }, true);
  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("[data-keys-open]")) { open(); }
  });
})();
