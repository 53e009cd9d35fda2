// No chart of a patient ever leaves this machine: Plotly's upload button and server address are switched off for every
// graph the moment the library appears (Dash loads it late). Two more walls stand in components/graph.py and app.py.
(function () {
  "use strict";
  var library;
  Object.defineProperty(window, "Plotly", {
    configurable: true,
    get: function () { return library; },
    set: function (value) {
      library = value;
      if (value && value.setPlotConfig) {
        value.setPlotConfig({ showSendToCloud: false, plotlyServerURL: "", displaylogo: false });
      }
    }
  });
})();
