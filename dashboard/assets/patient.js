// The patient's page in the browser: the time shown, chart or table, the visit sheet. No question to the server.
(function () {
  "use strict";
  var C = (window.dash_clientside = window.dash_clientside || {});
  var skip = function () { return window.dash_clientside.no_update; };
  var DAY = 86400000;
  var SPANS = { "3m": 92, "6m": 183, "1y": 366 };

  function plot() { return document.querySelector("#patient-graph .js-plotly-plot"); }
  function iso(time) { return new Date(time).toISOString().slice(0, 10); }

  C.myopanelPatient = {
    setRange: function (choice) {
      var drawn = plot();
      if (!drawn || !drawn.layout || !window.Plotly) { return skip(); }
      var meta = drawn.layout.meta || {};
      var end = Date.parse(meta.today);
      var begin = SPANS[choice] ? end - SPANS[choice] * DAY : Date.parse(meta.first);
      var air = Math.max(Math.round((end - begin) / DAY * 0.012), 1) * DAY;
      window.Plotly.relayout(drawn, { "xaxis.range": [iso(begin - air), iso(end + Math.max(air, (meta.ahead || 0) * DAY))] });
      return skip();
    },

    chartOrTable: function (choice) {
      if (choice !== "table") { setTimeout(function () { window.dispatchEvent(new Event("resize")); }, 0); }
      return [choice === "table", choice !== "table"];
    },

    asKnown: function (day, ref) {
      if (!ref || (day || "") === ref.known) { return skip(); }
      var path = "/patients/" + encodeURIComponent(ref.mrn);
      return day ? path + "?known=" + day : path;
    },

    print: function (clicks) {
      if (clicks) { window.print(); }
      return skip();
    }
  };

  document.addEventListener("keydown", function (event) {
    if (event.key !== "n" || (window.myopanelTyping && window.myopanelTyping(event))) { return; }
    var button = document.getElementById("patient-record-open");
    if (button) { event.preventDefault(); button.click(); }
  });
})();
