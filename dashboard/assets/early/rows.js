// Loaded in <head>: asking for the first rows of a list does not wait for the libraries that will show them. What a list
// said last is kept with its tag, so that an unchanged part is answered 304 and not sent again.
(function () {
  "use strict";
  var kept = {}, order = [], MOST = 40, ahead = {};

  function ask(address) {
    var known = kept[address];
    return window.fetch(address, known ? { headers: { "If-None-Match": '"' + known.tag + '"' } } : undefined).then(function (answer) {
      if (answer.status === 304 && known) { return known.content; }
      if (!answer.ok) { throw new Error("the list answered " + answer.status); }
      var tag = (answer.headers.get("ETag") || "").replace(/^W\//, "").replace(/"/g, "").split(":")[0];
      return answer.json().then(function (content) {
        if (!kept[address]) { order.push(address); }
        kept[address] = { tag: tag, content: content };
        while (order.length > MOST) { delete kept[order.shift()]; }
        return content;
      });
    });
  }
  // The content of a part of a list, by its address.
  window.myopanelRows = function (address) {
    var begun = ahead[address];
    delete ahead[address];
    return begun || ask(address);
  };

  // Charts are drawn on other pages: their library is started while this one is idle, never before its first row, and
  // not while somebody types or points (starting it holds everything up for a second).
  var started = false, QUIET = 3000, touched = 0;
  ["pointerdown", "pointermove", "keydown", "wheel"].forEach(function (kind) {
    window.addEventListener(kind, function () { touched = Date.now(); }, { passive: true, capture: true });
  });
  window.myopanelFirstRow = function () {
    if (started || window.Plotly) { return; }
    started = true;
    touched = Date.now();
    var idle = window.requestIdleCallback || function (then) { setTimeout(then, 1500); };
    (function wait() {
      var left = touched + QUIET - Date.now();
      if (left > 0) { setTimeout(wait, left); return; }
      idle(function () {
        var source = window._dashPlotlyJSURL;
        if (!source || window.Plotly) { return; }
        var script = document.createElement("script");
        script.async = true; script.src = source;
        document.head.appendChild(script);
      });
    })();
  };

  var path = window.location.pathname;
  if (path === "/" || path === "/alerts") {
    var query = new URLSearchParams(window.location.search);
    var names = path === "/" ? ["q", "who", "sev", "rule", "site", "dx", "why"] : ["who", "show", "q", "rule", "sev"];
    var wanted = new URLSearchParams();
    names.forEach(function (name) { if ((query.get(name) || "").trim()) { wanted.set(name, query.get(name).trim()); } });
    wanted.set("start", 0); wanted.set("count", path === "/" ? 50 : 200);
    var address = (path === "/" ? "/panel/rows?" : "/alerts/rows?") + wanted.toString();
    ahead[address] = ask(address);
    ahead[address].catch(function () { delete ahead[address]; });
  }
})();
