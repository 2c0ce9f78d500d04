/* What a desk does with any page: theme, share, print, the watch list, arrow keys in lists. The list never leaves the browser. */
(function () {
  "use strict";
  var LIST = "watch", MAX_WATCHED = 24, LISTS = ".ranking-list, .near-list, .ticker-list, .target-list, .tabs, .unusual-list, .panel, .exceptions > div, .kpis, .tool-menu-list, .chart-menu-list";

  function root() { return document.documentElement; }
  function read(name) { try { return localStorage.getItem(name); } catch (error) { return null; /* storage is shut off */ } }
  function write(name, value) { try { localStorage.setItem(name, value); } catch (error) { return false; } return true; }

  /* ---- share, print, theme ---------------------------------------------------------------- */
  function copy(text) {
    if (navigator.clipboard && window.isSecureContext) { return navigator.clipboard.writeText(text); }
    /* without HTTPS the clipboard is reached the old way */
    var box = document.createElement("textarea");
    box.value = text;
    box.style.position = "fixed";
    box.style.opacity = "0";
    document.body.append(box);
    box.select();
    var done = document.execCommand("copy");
    box.remove();
    return done ? Promise.resolve() : Promise.reject(new Error("copy"));
  }

  function share(button) {
    var url = new URL(location.href), words = button.textContent;
    url.searchParams.set("theme", window.cityBrain.theme());
    if (button.dataset.asOf && !url.searchParams.get("as_of")) { url.searchParams.set("as_of", button.dataset.asOf); }
    copy(url.href).then(function () { button.textContent = button.dataset.done; }, function () { window.prompt(words, url.href); });
    setTimeout(function () { button.textContent = words; }, 2500);
  }

  var before = [];
  window.addEventListener("beforeprint", function () {
    /* a WebGL canvas prints empty: its picture stands in for it */
    before = [];
    document.querySelectorAll(".map-graph .js-plotly-plot").forEach(function (plot) {
      var map = window.cityBrainExport && window.cityBrainExport.mapOf(plot);
      if (!map || !plot.getBoundingClientRect().width) { return; }
      var image = document.createElement("img");
      image.src = window.cityBrainExport.mapPicture(map);
      image.className = "map-print";
      image.alt = "";
      plot.closest(".map-box").append(image);
      before.push(function () { image.remove(); });
    });
    /* a graph is drawn for the screen's width: with a view box it takes the paper's */
    document.querySelectorAll(".trend .main-svg").forEach(function (svg) {
      svg.setAttribute("viewBox", "0 0 " + svg.getAttribute("width") + " " + svg.getAttribute("height"));
      before.push(function () { svg.removeAttribute("viewBox"); });
    });
  });
  window.addEventListener("afterprint", function () { before.forEach(function (undo) { undo(); }); before = []; });

  function print() {
    closeMenus(null);
    if (window.cityBrain.theme() === "light") { window.print(); return; }
    var over = function () { window.removeEventListener("afterprint", over); window.cityBrain.withTheme(""); };
    window.addEventListener("afterprint", over);
    window.cityBrain.withTheme("light");
    var until = Date.now() + 8000;
    (function wait() {
      var ready = root().dataset.theme === "light" && Array.prototype.every.call(document.querySelectorAll(".map-graph .js-plotly-plot"), function (plot) {
        var map = window.cityBrainExport.mapOf(plot);
        return map && map.loaded();
      });
      if (ready || Date.now() > until) { setTimeout(function () { window.print(); }, 400); } else { setTimeout(wait, 100); }
    })();
  }

  function closeMenus(but) {
    document.querySelectorAll("details.tool-menu[open], details.chart-menu[open]").forEach(function (menu) { if (menu !== but) { menu.open = false; } });
  }

  /* ---- the watch list ----------------------------------------------------------------------- */
  function watched() {
    try { var list = JSON.parse(read(LIST) || "[]"); return Array.isArray(list) ? list.filter(function (x) { return typeof x === "string"; }) : []; } catch (error) { return []; }
  }
  function keep(list) { write(LIST, JSON.stringify(list.slice(0, MAX_WATCHED))); showStars(); }
  function keyOf(figure) { return figure.split("|").slice(0, 3).join("|"); }
  function toggle(key) {
    var list = watched(), at = list.indexOf(key);
    if (at >= 0) { list.splice(at, 1); } else if (list.length < MAX_WATCHED) { list.push(key); }
    keep(list);
    if (location.pathname === "/watch") { showList(); }
  }

  function listAddress() {
    var q = new URLSearchParams(location.search);
    q.delete("figures");
    var tail = q.toString(), figures = watched().map(encodeURIComponent).join(",");
    return "/watch" + (tail || figures ? "?" : "") + tail + (figures ? (tail ? "&" : "") + "figures=" + figures : "");
  }
  function showList() { window.cityBrain.replace(listAddress()); }

  var marks = document.createElement("style");
  document.head.append(marks);
  function showStars() {
    var list = watched();
    /* a rule for each, not a class: the page's own tree is not ours to change */
    marks.textContent = list.map(function (key) {
      var own = '[data-figure^="' + key.replace(/["\\]/g, "\\$&") + '|"]';
      return own + " .kpi-name-text::after," + own + " .row-name-text::after," + own + ' .block-name::after{content:" ★";color:var(--accent)}';
    }).join("");
    document.querySelectorAll("[data-do=star]").forEach(function (star) { star.setAttribute("aria-pressed", list.indexOf(star.dataset.watch) >= 0 ? "true" : "false"); });
  }

  /* one star that stands at the figure under the pointer or the focus */
  var star = document.createElement("button");
  star.className = "star-float";
  star.hidden = true;
  star.type = "button";
  star.tabIndex = -1;
  star.dataset.do = "star";
  star.dataset.floating = "true";
  var leaving = null;
  function place(figure) {
    clearTimeout(leaving);
    var key = keyOf(figure.dataset.figure), r = figure.getBoundingClientRect(), list = watched();
    if (key.split("|").length !== 3 || figure.closest(".wall, .drawer")) { return; }
    if (!star.isConnected) { document.body.append(star); }
    star.dataset.watch = key;
    star.hidden = false;
    star.textContent = list.indexOf(key) >= 0 ? "★" : "☆";
    star.setAttribute("aria-label", star.textContent);
    star.style.left = Math.round(r.right + window.scrollX - star.offsetWidth - 2) + "px";
    star.style.top = Math.round(r.top + window.scrollY + 2) + "px";
  }
  function leave() { clearTimeout(leaving); leaving = setTimeout(function () { star.hidden = true; }, 250); }
  document.addEventListener("pointerover", function (event) {
    if (event.pointerType === "touch") { return; }
    var figure = event.target.closest && event.target.closest("#page [data-figure]");
    if (figure) { place(figure); } else if (event.target === star) { clearTimeout(leaving); } else if (!star.hidden) { leave(); }
  });

  /* ---- hands ---------------------------------------------------------------------------------- */
  document.addEventListener("click", function (event) {
    var target = event.target.closest ? event.target : event.target.parentElement;
    if (!target) { return; }
    closeMenus(target.closest("details.tool-menu, details.chart-menu"));
    var theme = target.closest("[data-theme-to]");
    if (theme) { window.cityBrainTheme.choose(theme.dataset.themeTo); }
    var button = target.closest("[data-do]");
    if (!button) { return; }
    var what = button.dataset.do;
    if (what === "share" || what === "share-frozen") { share(button); }
    else if (what === "print") { print(); }
    else if (what === "star") {
      toggle(button.dataset.watch);
      if (button === star) { star.textContent = watched().indexOf(star.dataset.watch) >= 0 ? "★" : "☆"; }
    }
  }, true);

  document.addEventListener("keydown", function (event) {
    if (event.key === "Escape") {
      var open = document.querySelector("details.tool-menu[open] > summary, details.chart-menu[open] > summary");
      if (open) { closeMenus(null); open.focus(); }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) { return; }
    if (event.key === "w" && event.target.closest && event.target.closest("[data-figure]")) {
      toggle(keyOf(event.target.closest("[data-figure]").dataset.figure));
      return;
    }
    var step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key], list = step && event.target.closest && event.target.closest(LISTS);
    if (!list) { return; }
    var stops = Array.prototype.filter.call(list.querySelectorAll("a[href], button, summary"), function (stop) { return stop.offsetParent !== null; });
    var at = stops.indexOf(document.activeElement);
    if (at < 0 || !stops[at + step]) { return; }
    event.preventDefault();
    stops[at + step].focus();
  });

  /* the page of the list takes it from here where its address does not hold one */
  var drawer = new MutationObserver(showStars), looked = null;
  window.cityBrain.onPage(function () {
    var body = document.getElementById("drawer-body");
    if (body && body !== looked) { looked = body; drawer.observe(body, { childList: true, subtree: true }); }
    star.hidden = true;
    showStars();
    if (location.pathname === "/watch" && !new URLSearchParams(location.search).has("figures") && watched().length) { showList(); }
  });
  window.addEventListener("storage", function (event) { if (event.key === LIST) { showStars(); if (location.pathname === "/watch") { showList(); } } });
})();
/* Maps of one comparison move together. */
(function () {
  "use strict";
  function mapOf(box) {
    var plot = box.querySelector(".js-plotly-plot") || box;
    return window.cityBrainExport.mapOf(plot);
  }
  /* `kept`: with the hand's own event the other graph keeps the view as one that was chosen; else its next drawing takes it back */
  function follow(map, kept) {
    var at = { center: map.getCenter(), zoom: map.getZoom(), bearing: map.getBearing(), pitch: map.getPitch() };
    map.movesWith.forEach(function (other) {
      if (other !== map) { other.jumpTo(at, kept ? { follows: true, originalEvent: kept } : { follows: true }); }
    });
  }
  function bind() {
    document.querySelectorAll("[data-together=maps]").forEach(function (pair) {
      var maps = Array.prototype.map.call(pair.querySelectorAll(".map-graph"), mapOf).filter(Boolean);
      if (maps.length < 2) { return; }
      maps.forEach(function (map) {
        if (map.movesWith) { map.movesWith = maps; return; }
        map.movesWith = maps;
        /* only a hand moves both: a graph that is drawn anew sets its own view, and would take the hand's map back with it */
        map.on("move", function (event) { if ((event.originalEvent || map.wheeled) && !event.follows) { follow(map, null); } });
        map.on("moveend", function (event) {
          var hand = event.originalEvent || map.wheeled;
          if (hand && !event.follows) { map.wheeled = null; follow(map, hand); }
        });
        /* the moves of a wheel come later, without its event */
        map.on("wheel", function (event) { map.wheeled = event.originalEvent; });
        /* the graph's own double click goes back to the first view, without an event of the hand */
        map.on("dblclick", function (event) { setTimeout(function () { follow(map, event.originalEvent); }, 0); });
      });
    });
  }
  setInterval(bind, 500);
})();
