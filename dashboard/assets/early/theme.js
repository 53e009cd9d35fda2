// Loaded in <head>, before anything is painted: the theme the person chose, so that no page flashes white at night.
// The key is Mantine's own. "auto" follows the system.
(function () {
  "use strict";
  var KEY = "mantine-color-scheme-value";
  var system = window.matchMedia("(prefers-color-scheme: dark)");
  function chosen() {
    try { return window.localStorage.getItem(KEY) || "auto"; } catch (e) { return "auto"; }
  }
  function apply() {
    var word = chosen();
    var scheme = word === "auto" ? (system.matches ? "dark" : "light") : word;
    var root = document.documentElement;
    if (root.getAttribute("data-mantine-color-scheme") !== scheme) { root.setAttribute("data-mantine-color-scheme", scheme); }
    if (document.body) { document.body.setAttribute("data-ag-theme-mode", scheme); }
    var label = document.querySelector("#shell-theme .theme-word");
    if (label) { label.textContent = word.charAt(0).toUpperCase() + word.slice(1); }
    return scheme;
  }
  window.myopanelTheme = {
    next: function () {
      var order = ["auto", "light", "dark"];
      var word = order[(order.indexOf(chosen()) + 1) % order.length];
      try { window.localStorage.setItem(KEY, word); } catch (e) { /* private mode: the choice holds for this page */ }
      apply();
    },
    apply: apply
  };
  apply();
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", function () {
    apply();
    document.addEventListener("click", function (event) {
      if (event.target.closest && event.target.closest("#shell-theme")) { window.myopanelTheme.next(); }
    });
    // React draws the button later, and Mantine sets its attribute again when it starts.
    new MutationObserver(apply).observe(document.documentElement, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });
    var waiting = new MutationObserver(function () {
      if (document.querySelector("#shell-theme")) { waiting.disconnect(); apply(); }
    });
    waiting.observe(document.body, { childList: true, subtree: true });
  });
})();
