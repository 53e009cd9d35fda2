// Dialogs, all of them: the first field has the focus, Enter does the primary action, and nothing that was typed is
// thrown away without asking. Loaded before Mantine starts, so that Escape comes here first.
(function () {
  "use strict";
  var FIELD = "input:not([type=hidden]):not([type=checkbox]):not([type=radio]):not([disabled]), textarea:not([disabled]), select:not([disabled])";
  var letThrough = false;

  function dialog(el) { return el && el.closest ? el.closest("[role=dialog]") : null; }
  function topmost() {
    var found = document.querySelectorAll("[role=dialog]");
    return found.length ? found[found.length - 1] : null;
  }
  function visible(el) { return el.getClientRects().length > 0; }
  function primary(box) {
    var found = Array.prototype.filter.call(box.querySelectorAll("button.button"), function (el) { return visible(el) && !el.disabled; });
    return found.length === 1 ? found[0] : null;
  }

  window.myopanelFirstField = function (box) {
    if (!box) { return; }
    var tries = 0;
    (function place() {
      var first = Array.prototype.filter.call(box.querySelectorAll(FIELD), visible)[0] || primary(box);
      // Mantine puts the focus on its own choice once the dialog has opened.
      if (first && document.activeElement !== first && !(tries && box.contains(document.activeElement) && document.activeElement.matches(FIELD))) { first.focus(); }
      tries += 1;
      if (tries < 12 && box.isConnected) { requestAnimationFrame(place); }
    })();
  };

  // ------------------------------------------------------------------------------------------------- what was typed
  document.addEventListener("input", function (event) {
    var box = dialog(event.target);
    if (box && event.target.matches("input, textarea") && event.isTrusted) { box.setAttribute("data-typed", ""); }
  }, true);
  // On its way: there is nothing to lose any more, unless it was refused and the dialog still stands.
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("button.button"), box = dialog(button);
    if (!box || !box.hasAttribute("data-typed")) { return; }
    box.removeAttribute("data-typed");
    ask(box, false);
    setTimeout(function () { if (box.isConnected) { box.setAttribute("data-typed", ""); } }, 1500);
  });

  function ask(box, wanted) {
    var bar = box.querySelector(".ask-discard");
    if (!wanted) { if (bar) { bar.remove(); } return; }
    if (bar) { bar.querySelector("button").focus(); return; }
    bar = document.createElement("div");
    bar.className = "ask-discard notice notice-warn notice-line";
    bar.setAttribute("role", "alertdialog");
    bar.setAttribute("aria-label", "Throw away what you typed?");
    var text = document.createElement("span"), acts = document.createElement("span");
    text.textContent = "Throw away what you typed?";
    acts.className = "acts";
    var keep = button("Keep writing"), drop = button("Throw away");
    function back() { ask(box, false); if (box.myopanelWas && box.myopanelWas.isConnected) { box.myopanelWas.focus(); } else { window.myopanelFirstField(box); } }
    keep.addEventListener("click", back);
    drop.addEventListener("click", function () { box.removeAttribute("data-typed"); ask(box, false); close(box); });
    acts.append(keep, drop);
    bar.append(text, acts);
    box.myopanelWas = document.activeElement;
    (box.querySelector(".mantine-Modal-body, .mantine-Drawer-body") || box).prepend(bar);
    // Enter keeps.
    keep.focus();
  }
  function button(words) {
    var made = document.createElement("button");
    made.type = "button"; made.className = "button-quiet"; made.textContent = words;
    return made;
  }
  function close(box) {
    // Its own cross closes this one only; Escape would close the one below as well.
    var cross = box.querySelector(".mantine-Modal-close, .mantine-Drawer-close");
    letThrough = true;
    try { if (cross) { cross.click(); return; } box.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", code: "Escape", bubbles: true, cancelable: true })); } finally { letThrough = false; }
  }

  window.addEventListener("keydown", function (event) {
    if (letThrough) { return; }
    var box = topmost();
    if (!box) { return; }
    var el = event.target, open = el && el.getAttribute && el.getAttribute("aria-expanded") === "true";
    if (event.key === "Escape" && !open && box.hasAttribute("data-typed")) {
      event.preventDefault(); event.stopImmediatePropagation();
      if (box.querySelector(".ask-discard")) { box.querySelector(".ask-discard button").click(); } else { ask(box, true); }
      return;
    }
    if (event.key === "Escape" && !open && document.querySelectorAll("[role=dialog]").length > 1) {
      event.preventDefault(); event.stopImmediatePropagation();
      close(box);
      return;
    }
    if (event.key !== "Enter" || event.isComposing || event.defaultPrevented || dialog(el) !== box) { return; }
    var writes = el.tagName === "TEXTAREA" && !(event.ctrlKey || event.metaKey);
    if (open || writes || !/^(INPUT|TEXTAREA)$/.test(el.tagName) || /^(checkbox|radio|file)$/.test(el.type)) { return; }
    var main = primary(box);
    if (!main) { return; }
    event.preventDefault(); event.stopImmediatePropagation();
    // A number or a date counts once it is left; what is shown is then what is saved.
    el.blur(); el.focus();
    setTimeout(function () { if (main.isConnected && !main.disabled) { main.click(); } }, 0);
  }, true);

  // Beside the dialog, its cross, and Cancel: the same question.
  window.addEventListener("click", function (event) {
    var el = event.target.closest ? event.target : null;
    if (!el || letThrough) { return; }
    var box = topmost();
    if (!box) { return; }
    var leaving = el.closest(".mantine-Modal-overlay, .mantine-Drawer-overlay, .mantine-Modal-close, .mantine-Drawer-close, [data-dialog-cancel]");
    if (!leaving) { return; }
    if (box.hasAttribute("data-typed")) { event.preventDefault(); event.stopImmediatePropagation(); ask(box, true); return; }
    if (leaving.hasAttribute("data-dialog-cancel")) { close(box); }
  }, true);

  // A dialog that opens: its first field.
  new MutationObserver(function (changes) {
    changes.forEach(function (change) {
      change.addedNodes.forEach(function (node) {
        if (node.nodeType !== 1) { return; }
        var box = node.matches("[role=dialog]") ? node : node.querySelector("[role=dialog]");
        if (box && primary(box) && box.querySelector(FIELD)) { window.myopanelFirstField(box); }
      });
    });
  }).observe(document.documentElement, { childList: true, subtree: true });

  window.myopanelBusy = function (id, on) {
    var el = document.getElementById(id);
    if (el) { el.disabled = on; el.toggleAttribute("aria-busy", on); }
  };
})();
