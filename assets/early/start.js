/* Runs before the first picture: light or dark, whether this is a wall, and what is pressed before the scripts are there.
   Light or dark: the address says; else what was chosen here last; else the system. A wall is dark. */
(function () {
  "use strict";
  var root = document.documentElement, LIGHT = window.matchMedia("(prefers-color-scheme: light)");

  function kept(store, name) { try { return window[store].getItem(name); } catch (error) { return null; /* storage is shut off */ } }
  function keep(store, name, value) { try { window[store].setItem(name, value); } catch (error) { /* storage is shut off */ } }

  function theme() {
    var asked = new URLSearchParams(location.search).get("theme");
    if (/^\/(wall|scene)(\/|$)/.test(location.pathname)) { return asked === "light" ? "light" : "dark"; }
    /* what an address asked for holds on the way on from it, though links to the dark do not name it */
    if (asked) { keep("sessionStorage", "theme", asked === "light" ? "light" : "dark"); }
    return asked ? (asked === "light" ? "light" : "dark") : kept("sessionStorage", "theme") || kept("localStorage", "theme") || (LIGHT.matches ? "light" : "dark");
  }

  root.dataset.theme = theme();
  if (/^\/scene\//.test(location.pathname)) {
    root.dataset.wall = "scene";
    if (window.parent !== window) { root.dataset.framed = "yes"; }
  }
  /* so that the server's own first drawing of the next page has it too */
  function tell(to) { document.cookie = "theme=" + to + "; path=/; max-age=31536000; SameSite=Strict"; }
  tell(theme());
  LIGHT.addEventListener("change", function () { tell(theme()); });
  function choose(to) { keep("localStorage", "theme", to); keep("sessionStorage", "theme", to); tell(to); }

  /* the way, child by child, to what was pressed in the server's drawing; assets/app.js presses it when the page stands */
  document.addEventListener("click", function (event) {
    var first = document.getElementById("first"), at = event.target;
    if (!first || !first.contains(at) || at.closest("a[href]:not([data-group])")) { return; /* links lead on as they are */ }
    event.preventDefault();
    event.stopImmediatePropagation();
    for (window.cityBrainPressed = []; at !== first; at = at.parentElement) {
      window.cityBrainPressed.unshift(Array.prototype.indexOf.call(at.parentElement.children, at));
    }
  }, true);

  window.cityBrainTheme = { now: theme, choose: choose, onSystem: function (does) { LIGHT.addEventListener("change", does); } };
})();
