// For the pages of records (labs due, rules, imports, jobs): filters into the address, printing.
(function () {
  "use strict";
  var C = (window.dash_clientside = window.dash_clientside || {});

  C.myopanelRecords = {
    // Values of the filters, then their names in the address. Everything else in the address stays.
    address: function () {
      var values = Array.prototype.slice.call(arguments, 0, -1);
      var names = arguments[arguments.length - 1] || [];
      var wanted = new URLSearchParams(window.location.search);
      names.forEach(function (name, i) {
        if (values[i]) { wanted.set(name, values[i]); } else { wanted.delete(name); }
      });
      var search = wanted.toString();
      if (search !== new URLSearchParams(window.location.search).toString()) {
        window.history.replaceState({}, "", window.location.pathname + (search ? "?" + search : ""));
        window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
      }
      return window.dash_clientside.no_update;
    }
  };

  // Dash's upload gives its file field no name; React draws it late.
  document.addEventListener("DOMContentLoaded", function () {
    new MutationObserver(function () {
      var area = document.getElementById("imports-upload");
      var field = area && area.querySelector("input[type=file]:not([aria-label])");
      if (field) { field.setAttribute("aria-label", "Files to import"); }
    }).observe(document.body, { childList: true, subtree: true });
  });

  document.addEventListener("click", function (event) {
    if (!event.target.closest) { return; }
    if (event.target.closest(".print-page")) { window.print(); }
    var choice = event.target.closest(".theme-choice");
    if (choice && window.myopanelTheme) {
      try { window.localStorage.setItem("mantine-color-scheme-value", choice.id.replace("account-theme-", "")); } catch (e) { /* private mode */ }
      window.myopanelTheme.apply();
    }
  });
})();
