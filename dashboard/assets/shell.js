// The few things of the frame that belong to the browser: title, search by "/", opening a patient.
(function () {
  "use strict";
  var C = (window.dash_clientside = window.dash_clientside || {});
  var M = (C.myopanel = C.myopanel || {});
  var skip = function () { return window.dash_clientside.no_update; };

  // ------------------------------------------------------------------------------------------------------ loading
  // From the moment somebody leaves a page nothing of it is on the screen and nothing of it can be clicked: what stands
  // under the next patient's number would be the last patient's. The new page says for which address it is.
  var standing = window.location.pathname, LATE = 8000, late = null;
  function page() { return document.getElementById("shell-page"); }
  function leave() {
    var path = window.location.pathname, root = document.documentElement;
    // Back again before the other page came: its answer may still be under way, so this one is waited for anew.
    if (path === standing && !root.hasAttribute("data-loading")) { return; }
    var patient = path.match(/^\/patients\/([^/]+)/), what = document.getElementById("shell-loading-what"), main = page();
    if (!what || !main) { return; }
    var name = "";
    try { name = patient ? decodeURIComponent(patient[1]) : ""; } catch (e) { /* an address nobody wrote on purpose */ }
    what.textContent = name ? "Loading patient " + name : "Loading";
    root.setAttribute("data-loading", "");
    main.inert = true;
    main.setAttribute("aria-busy", "true");
    clearTimeout(late);
    late = setTimeout(function () {
      var line = document.getElementById("shell-loading-late");
      if (!line) { return; }
      var again = document.createElement("button");
      again.type = "button"; again.className = "button-quiet"; again.textContent = "Try again";
      again.addEventListener("click", function () { window.location.reload(); });
      line.replaceChildren("This takes longer than it should. ", again);
      line.hidden = false;
    }, LATE);
  }
  function arrive() {
    var main = page(), line = document.getElementById("shell-loading-late");
    clearTimeout(late);
    document.documentElement.removeAttribute("data-loading");
    if (line) { line.hidden = true; }
    if (main) { main.inert = false; main.removeAttribute("aria-busy"); }
  }
  ["_dashprivate_pushstate", "popstate"].forEach(function (kind) { window.addEventListener(kind, leave, true); });

  M.setTitle = function (told) {
    if (told) {
      document.title = told[0];
      // An answer of a page left since does not end the wait for this one.
      if (told[1] === window.location.pathname) { standing = told[1]; arrive(); }
    }
    return skip();
  };

  // ------------------------------------------------------------------------------------------------------- saved
  var fading = null;
  window.myopanelSay = function (words) {
    var line = document.getElementById("shell-said");
    if (!line) { return; }
    line.textContent = words;
    line.classList.add("on");
    clearTimeout(fading);
    fading = setTimeout(function () { line.classList.remove("on"); line.textContent = ""; }, 5000);
  };
  // Whatever changes an alert or a fact writes to the store; the list says it in words of its own, beside its Undo.
  M.saved = function (data) {
    if (data && !data.quiet && !/^\/(jobs|imports)/.test(window.location.pathname)) {
      var now = new Date(), two = function (n) { return (n < 10 ? "0" : "") + n; };
      window.myopanelSay("Saved " + two(now.getHours()) + ":" + two(now.getMinutes()));
    }
    return skip();
  };

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
