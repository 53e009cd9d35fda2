// The parts of a page that never change (dashboard/still.py), made into elements here: no component of Dash around each.
(function () {
  "use strict";
  function go(event) {
    if (event.metaKey || event.shiftKey || event.altKey || event.ctrlKey) { return; }
    event.preventDefault();
    window.myopanelGo(event.currentTarget.getAttribute("href"));
  }
  function made(part) {
    if (!Array.isArray(part)) { return part; }
    var name = part[0], attributes = part[1];
    if (name === "go") { name = "a"; attributes.onClick = go; }
    return window.React.createElement.apply(null, [name, attributes].concat(part.slice(2).map(made)));
  }
  window.myopanel_still = {
    Still: function (props) {
      var React = window.React;
      return React.useMemo(function () { return made(JSON.parse(props.tree)); }, [props.tree]);
    }
  };
})();
