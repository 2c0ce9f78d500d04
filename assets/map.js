/* Maps beyond what Plotly draws: groups turned on and off in place, places as vector tiles,
   road sections and cells by their state. */
(function () {
  "use strict";
  var SOURCE = "places-tiles", LAYER = "places-tiles", TIP_PX = 14;

  function subOf(plot) { return plot._fullLayout && plot._fullLayout.map && plot._fullLayout.map._subplot; }
  function mapOf(plot) {
    var sub = subOf(plot);
    return sub && sub.map && sub.map.isStyleLoaded() ? sub.map : null;
  }
  function meta(plot) { return plot.layout && plot.layout.meta || {}; }

  /* ---- groups: the style itself never changes, so nothing is drawn anew ------------------------------------------ */
  function group(map, name, shown) {
    map.getStyle().layers.forEach(function (layer) {
      if (layer.metadata && layer.metadata.group === name) { map.setLayoutProperty(layer.id, "visibility", shown ? "visible" : "none"); }
    });
  }
  function applyGroups(plot, map) {
    var wanted = meta(plot).shown, text = JSON.stringify(wanted);
    if (!wanted || plot.shownGroups === text && plot.shownOn === map.style) { return; }
    plot.shownGroups = text;
    plot.shownOn = map.style;
    Object.keys(wanted).forEach(function (name) { group(map, name, wanted[name]); });
  }

  function turn(link) {
    var name = link.dataset.group, shown = link.getAttribute("aria-checked") !== "true";
    var q = new URLSearchParams(location.search), list = (q.get("layers") || "").split(",").filter(Boolean);
    var at = list.indexOf(name);
    if (at >= 0) { list.splice(at, 1); } else { list.push(name); }
    if (list.length) { q.set("layers", list.join(",")); } else { q.delete("layers"); }
    var tail = q.toString();
    history.replaceState(null, "", location.pathname + (tail ? "?" + tail : ""));
    link.setAttribute("aria-checked", String(shown));
    link.classList.toggle("is-on", shown);
    var box = link.closest(".map-panel, .area-map") || document;
    box.querySelectorAll(".js-plotly-plot").forEach(function (plot) {
      var map = mapOf(plot), m = meta(plot);
      if (!map || !m.shown) { return; }
      m.shown[name] = shown;
      group(map, name, shown);
      plot.shownGroups = JSON.stringify(m.shown);
    });
    box.querySelectorAll('[data-legend="' + name + '"]').forEach(function (legend) { legend.hidden = !shown; });
  }
  document.addEventListener("click", function (event) {
    var link = event.target.closest && event.target.closest("a[data-group]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) { return; }
    event.preventDefault();
    event.stopImmediatePropagation();
    turn(link);
  }, true);

  /* ---- places as tiles: geometry comes once, whatever the figures do ----------------------------------------------- */
  function applyTiles(plot, map) {
    var tiles = meta(plot).tiles, source = map.getSource(SOURCE), url = tiles && location.origin + tiles.url;
    if (source && (!tiles || source.tiles[0] !== url)) {
      map.removeLayer(LAYER);
      map.removeSource(SOURCE);
      source = null;
    }
    if (!tiles || source) { return; }
    map.addSource(SOURCE, { type: "vector", tiles: [url], minzoom: 4, maxzoom: 14 });
    /* below the names of the areas, so that they can be read */
    var names = map.getStyle().layers.filter(function (layer) { return layer.type === "symbol" && /^plotly-trace-layer/.test(layer.id); })[0];
    map.addLayer({ id: LAYER, type: "circle", source: SOURCE, "source-layer": "sites", paint: tiles.paint }, names && names.id);
    if (plot.tilesBound === map) { return; }
    plot.tilesBound = map;
    var tip = tipOn(map);
    function found(event) { return map.getLayer(LAYER) ? map.queryRenderedFeatures(event.point, { layers: [LAYER] })[0] : null; }
    map.on("click", function (event) {
      var feature = found(event), t = meta(plot).tiles;
      if (!feature || !t) { return; }
      if (feature.properties.n > 1 && map.getZoom() < 16) { map.easeTo({ center: event.lngLat, zoom: map.getZoom() + 2 }); return; }
      window.cityBrain.go(t.site.replace("{id}", encodeURIComponent(feature.properties.id)));
    });
    map.on("mousemove", function (event) {
      /* to look for what is below the pointer while the map is dragged would hold up every frame */
      var feature = map.isMoving() ? null : found(event), t = meta(plot).tiles;
      tip.hidden = !feature || !t;
      if (tip.hidden) { return; }
      show(tip, event, feature.properties[t.name] + (feature.properties.n > 1 ? " +" + (feature.properties.n - 1) : ""));
    });
    map.on("mouseout", function () { tip.hidden = true; });
  }

  /* ---- features by their state: the geometry stays, a new snapshot brings a class for each ------------------------- */
  function applyStates(plot, map) {
    var wanted = meta(plot).states || {};
    Object.keys(wanted).forEach(function (source) {
      if (!map.getSource(source)) { return; }
      var held = plot.statesOf = plot.statesOf || {}, now = wanted[source].of;
      if (held[source] && held[source].of === now && held[source].style === map.style) { return; }
      var before = held[source] && held[source].style === map.style ? held[source].of : {};
      Object.keys(now).forEach(function (id) {
        var was = before[id], is = now[id];
        if (!was || was.state !== is.state || was.height !== is.height) { map.setFeatureState({ source: source, id: id }, is); }
      });
      Object.keys(before).forEach(function (id) { if (!(id in now)) { map.removeFeatureState({ source: source, id: id }); } });
      held[source] = { of: now, style: map.style };
    });
    if (!Object.keys(wanted).length || plot.statesBound === map) { return; }
    plot.statesBound = map;
    var tip = tipOn(map);
    map.on("mousemove", function (event) {
      if (map.isMoving()) { tip.hidden = true; return; }
      var states = meta(plot).states || {};
      var layers = Object.keys(states).map(function (s) { return states[s].layer; }).filter(function (id) { return map.getLayer(id); });
      var feature = layers.length ? map.queryRenderedFeatures(event.point, { layers: layers })[0] : null;
      var own = feature && states[feature.source], words = own && own.words[feature.properties.id];
      tip.hidden = !words;
      if (!words) { return; }
      show(tip, event, [own.name ? feature.properties[own.name] : "", words].filter(Boolean).join(" · "));
    });
    map.on("mouseout", function () { tip.hidden = true; });
  }

  function tipOn(map) {
    var tip = document.createElement("div");
    tip.className = "map-tip";
    tip.hidden = true;
    map.getContainer().appendChild(tip);
    return tip;
  }
  function show(tip, event, words) {
    tip.textContent = words;
    tip.style.left = event.point.x + TIP_PX + "px";
    tip.style.top = event.point.y + TIP_PX + "px";
  }

  /* Plotly listens for errors anew at every update and leaves the listeners of all updates before: a wall would keep each */
  var ERRORS = ["error", "style.error", "source.error", "tile.error", "layer.error"];
  function listenOnce(plot) {
    var sub = subOf(plot), last = null;
    if (!sub || Object.prototype.hasOwnProperty.call(sub, "rejectOnError")) { return; }
    sub.rejectOnError = function (reject) {
      function failed() { reject(new Error("Map error.")); }
      ERRORS.forEach(function (kind) {
        if (last) { sub.map.off(kind, last); }
        sub.map.once(kind, failed);
      });
      last = failed;
    };
  }

  setInterval(function () {
    document.querySelectorAll(".map-graph .js-plotly-plot").forEach(function (plot) {
      listenOnce(plot);
      var map = mapOf(plot);
      if (map) { applyGroups(plot, map); applyTiles(plot, map); applyStates(plot, map); }
    });
  }, 250);
}());
