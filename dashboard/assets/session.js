// Every question to the server says how long ago a key or the pointer was last used, so that a page left open and
// refreshing itself does not keep a session alive. When the session has ended, the page goes to the sign-in.
(function () {
  "use strict";
  var last = Date.now();
  var leaving = false;
  ["pointerdown", "keydown", "wheel", "touchstart"].forEach(function (kind) {
    window.addEventListener(kind, function () { last = Date.now(); }, { passive: true, capture: true });
  });
  var plain = window.fetch;
  window.fetch = function (resource, options) {
    var address = typeof resource === "string" ? resource : resource.url;
    if (new URL(address, window.location.href).origin !== window.location.origin) { return plain(resource, options); }
    var settings = Object.assign({}, options);
    settings.headers = new Headers(settings.headers || {});
    settings.headers.set("X-Myopanel-Idle", String(Math.round((Date.now() - last) / 1000)));
    return plain(resource, settings).then(function (answer) {
      if (answer.status === 401) {
        if (!leaving) {
          // Several questions may be refused at once; a second departure would break off the first.
          leaving = true;
          var here = window.location.pathname + window.location.search;
          window.location.assign("/sign-in?ended=1&next=" + encodeURIComponent(here));
        }
        // The page is leaving: whoever waits for this answer must not act on it.
        return new Promise(function () {});
      }
      document.documentElement.toggleAttribute("data-offline", false);
      return answer;
    }, function (error) {
      document.documentElement.toggleAttribute("data-offline", true);
      throw error;
    });
  };
})();
