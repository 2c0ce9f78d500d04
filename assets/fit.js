/* How graphs and maps fit the place they stand in: type by the size of a wall, the city in its box, the scale bar,
   and the way from an area on a map to its page. */
(function () {
  "use strict";
  var city = window.cityBrain;

  /* ---- figures on a wall: text and lines of graphs and maps grow with the root size ------- */
  var BASE_PX = 16, rootPx = size();

  function size() { return parseFloat(getComputedStyle(document.documentElement).fontSize); }

  function enlarged(tree) {
    var k = size() / BASE_PX;
    if (k > 1.05) { eachFigure(tree, function (figure) { enlarge(figure, k, ""); }); }
    return tree;
  }

  function eachFigure(node, change) {
    if (Array.isArray(node)) { node.forEach(function (item) { eachFigure(item, change); }); return; }
    if (!node || typeof node !== "object") { return; }
    Object.keys(node).forEach(function (key) {
      if (key === "figure" && node.figure && node.figure.layout) { change(node.figure); } else { eachFigure(node[key], change); }
    });
  }

  function enlarge(node, k, parent) {
    Object.keys(node).forEach(function (key) {
      var value = node[key];
      if (typeof value === "number") {
        var grows = ["size", "yshift", "line-width", "line-offset", "text-size", "circle-radius"].indexOf(key) >= 0 || parent === "line" && key === "width"
          || parent === "margin" && "lrtb".indexOf(key) >= 0;
        if (grows) { node[key] = value * k; }
      } else if (Array.isArray(value)) {
        value.forEach(function (item) { if (item && typeof item === "object" && !Array.isArray(item)) { enlarge(item, k, key); } });
      } else if (value && typeof value === "object") { enlarge(value, k, key); }
    });
  }

  /* ---- map: fits the city to its box; a click on an area opens its page ------------------ */
  var LEAST_PAD = 20, SCALE_REM = 7;

  function pads(box, aside) {
    /* what lies over the box covers it from its side; `aside`: what lies along the bottom is passed on its right instead */
    var own = box.getBoundingClientRect(), found = { top: LEAST_PAD, right: LEAST_PAD, bottom: LEAST_PAD, left: LEAST_PAD };
    var panel = box.closest(".map-panel");
    (panel ? panel.querySelectorAll(".map-over") : []).forEach(function (over) {
      var r = over.getBoundingClientRect(), side = over.dataset.side;
      if (getComputedStyle(over).position !== "absolute" || !r.width) { return; }
      if (aside && side === "bottom") { side = "left"; }
      var deep = side === "top" ? r.bottom - own.top : side === "bottom" ? own.bottom - r.top : side === "left" ? r.right - own.left : own.right - r.left;
      found[side] = Math.max(found[side], deep + LEAST_PAD / 2);
    });
    return found;
  }

  function fit(figure, box) {
    /* the same sum as components.city_map.zoom_for, for the box the browser really has */
    var b = figure.layout.meta.bbox, room = box.getBoundingClientRect();
    if (room.width < 80 || room.height < 80) { return figure; }
    function mercator(lat) { return Math.asinh(Math.tan(lat * Math.PI / 180)) / (2 * Math.PI); }
    function latitude(m) { return Math.atan(Math.sinh(m * 2 * Math.PI)) * 180 / Math.PI; }
    var low = mercator(b[1]), high = mercator(b[3]);
    function scale(pad) {
      var wide = (room.width - pad.left - pad.right) / 512 / ((b[2] - b[0]) / 360), tall = (room.height - pad.top - pad.bottom) / 512 / (high - low);
      return Math.max(Math.min(wide, tall), 1e-3);
    }
    var above = pads(box, false), beside = pads(box, true), pad = scale(beside) > scale(above) ? beside : above;
    var zoom = Math.log2(scale(pad)), world = 512 * Math.pow(2, zoom);
    figure.layout.map.zoom = zoom;
    figure.layout.map.center = {
      lon: (b[0] + b[2]) / 2 + (pad.right - pad.left) / 2 / world * 360,
      lat: latitude((low + high) / 2 - (pad.bottom - pad.top) / 2 / world)
    };
    return figure;
  }

  function fitted(id, figure) {
    var box = document.getElementById(id);
    return box && figure.layout && figure.layout.meta && figure.layout.meta.bbox ? fit(figure, box) : figure;
  }

  function fitMaps() {
    document.querySelectorAll(".map-graph").forEach(function (box) {
      var text = city.sent(box.id);
      if (text) { window.dash_clientside.set_props(box.id, { figure: fitted(box.id, JSON.parse(text)) }); }
    });
  }
  var resizeTimer = null;
  window.addEventListener("resize", function () { clearTimeout(resizeTimer); resizeTimer = setTimeout(resized, 200); });

  function resized() {
    if (size() !== rootPx) { rootPx = size(); city.renew(); return; }
    fitMaps();
  }

  /* on a phone a map would catch the finger that scrolls: it waits behind its heading */
  function foldMaps() {
    if (!window.matchMedia("(max-width: 1000px)").matches) { return; }
    document.querySelectorAll(".map-fold").forEach(function (fold) { fold.open = false; });
  }
  document.addEventListener("toggle", function (event) {
    if (event.target.open && event.target.classList.contains("map-fold")) { window.dispatchEvent(new Event("resize")); }
  }, true);

  function drawScale(bar, map) {
    /* 512 px a world at zoom 0; the longest 1, 2 or 5 that fits */
    var metres = 40075016.686 * Math.cos(map.getCenter().lat * Math.PI / 180) / 512 / Math.pow(2, map.getZoom());
    var most = SCALE_REM * size() * metres, unit = Math.pow(10, Math.floor(Math.log10(most)));
    var length = [5, 2, 1].map(function (n) { return n * unit; }).filter(function (n) { return n <= most; })[0];
    var words = length >= 1000 ? length / 1000 + " " + bar.dataset.km : length + " " + bar.dataset.m;
    bar.style.width = (length / metres).toFixed(1) + "px";
    if (bar.textContent !== words) { bar.textContent = words; bar.setAttribute("aria-label", bar.dataset.says + " " + words); }
  }

  function bindScale(plot) {
    var sub = plot._fullLayout && plot._fullLayout.map && plot._fullLayout.map._subplot, map = sub && sub.map;
    var bar = plot.closest(".map-box") && plot.closest(".map-box").querySelector(".map-scale");
    if (!map || !bar || bar.boundTo === map) { return; }
    bar.boundTo = map;
    map.on("move", function () { drawScale(bar, map); });
    drawScale(bar, map);
  }

  function bindMaps() {
    document.querySelectorAll(".map-graph .js-plotly-plot").forEach(function (plot) {
      bindScale(plot);
      if (plot.dataset.bound || !plot.on) { return; }
      plot.dataset.bound = "1";
      plot.on("plotly_click", function (event) {
        var point = event.points && event.points[0];
        if (point && typeof point.customdata === "string" && point.customdata[0] === "/") { city.go(point.customdata); return; }
        if (!point || !point.location) { return; }
        var carried = new URLSearchParams(), now = new URLSearchParams(location.search);
        ["city", "lang", "theme", "at", "as_of", "step"].forEach(function (k) { if (now.get(k)) { carried.set(k, now.get(k)); } });
        var tail = carried.toString();
        city.go("/district/" + encodeURIComponent(point.location) + (tail ? "?" + tail : ""));
      });
    });
  }
  setInterval(bindMaps, 500);

  city.fit = { enlarged: enlarged, fitted: fitted, maps: fitMaps, fold: foldMaps };
})();
