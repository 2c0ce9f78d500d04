/* The wall. In a scene's document: how much fits, what takes its turn, ready when drawn. On the stage
   (`/wall`): scenes in turn, each in a frame of its own that is drawn behind the picture before it is shown. */
(function () {
  "use strict";
  var root = document.documentElement, isStage = root.dataset.wall === "stage";
  if (!isStage && !/^\/scene\//.test(location.pathname)) { return; }

  if (isStage) { document.addEventListener("DOMContentLoaded", stage); } else { scene(); }

  /* ---- a scene ---------------------------------------------------------------------------- */
  function scene() {
    var TURN_MS = 9000, DRAWN_MS = 25000, turn = 0, waiting = false, appeared = 0, told = false;
    function ratio() { root.style.setProperty("--dpr", window.devicePixelRatio || 1); }
    ratio();

    /* leaves out whole rows from the end, so that none is cut; a row left out comes back when there is room */
    function fit() {
      waiting = false;
      delete root.dataset.fitting;
      document.querySelectorAll(".wall-fit > [data-out]").forEach(function (row) { delete row.dataset.out; });
      var out = [];
      /* all is measured before anything is left out, so that the page is laid out once */
      document.querySelectorAll(".wall-fit").forEach(function (list) {
        var rows = list.children, box = list.getBoundingClientRect();
        for (var i = rows.length - 1; box.width && i > 0 && beyond(rows[i].getBoundingClientRect(), box); i -= 1) { out.push(rows[i]); }
      });
      out.forEach(function (row) { row.dataset.out = "yes"; });
      document.querySelectorAll(".wall-turn").forEach(rotate);
    }

    function beyond(row, box) { return row.bottom > box.bottom + 1 || row.right > box.right + 1 || row.left < box.left - 1; }

    /* one line of many: as many as fit from where the turn stands; each as a whole */
    function rotate(list) {
      var items = Array.prototype.slice.call(list.children), box = list.getBoundingClientRect(), left = box.width;
      items.forEach(function (item) { delete item.dataset.out; });
      var widths = items.map(function (item) { return item.getBoundingClientRect().width; });
      var gap = parseFloat(getComputedStyle(list).columnGap) || 0, pages = [[]];
      items.forEach(function (item, i) {
        if (widths[i] > left && pages[pages.length - 1].length) { pages.push([]); left = box.width; }
        pages[pages.length - 1].push(item);
        left -= widths[i] + gap;
      });
      var shown = pages[turn % pages.length];
      items.forEach(function (item) { if (shown.indexOf(item) < 0) { item.dataset.out = "yes"; } });
    }

    /* between new words and the next frame they are not fitted yet: who measures waits for it */
    function soon() { if (!waiting) { waiting = true; root.dataset.fitting = "yes"; requestAnimationFrame(fit); } }

    new MutationObserver(function (changes) {
      var ours = changes.some(function (change) {
        var at = change.target.nodeType === 1 ? change.target : change.target.parentElement;
        return at && !at.closest(".map-box, .wall-clock, .wall-health");
      });
      if (ours) { soon(); }
    }).observe(document, { childList: true, subtree: true, characterData: true });
    window.addEventListener("resize", function () { ratio(); soon(); });
    setInterval(function () { turn += 1; soon(); }, TURN_MS);

    /* tells the stage that it may be shown: figures stand, maps have drawn, or have had their time */
    function drawn() {
      var grid = document.querySelector(".wall-grid, .wall.is-building, .frame");
      if (!grid) { return false; }
      appeared = appeared || Date.now();
      if (Date.now() - appeared > DRAWN_MS) { return true; }
      /* a scene that plays the past begins with its first hour, never with the present (assets/replay.js) */
      if (document.querySelector(".wall[data-replay-hours]") && !root.dataset.replay) { return false; }
      return Array.prototype.every.call(document.querySelectorAll(".map-graph"), function (box) {
        if (!box.getBoundingClientRect().width) { return true; }
        var plot = box.querySelector(".js-plotly-plot"), sub = plot && plot._fullLayout && plot._fullLayout.map && plot._fullLayout.map._subplot;
        /* the figure's own layers come after the sheet below them */
        return sub && sub.map && sub.map.isStyleLoaded() && sub.map.areTilesLoaded()
          && sub.map.getStyle().layers.some(function (layer) { return /^plotly-.*-fill$/.test(layer.id); });
      });
    }
    function idle(map) { return new Promise(function (done) { map.once("idle", done); map.triggerRepaint(); setTimeout(done, DRAWN_MS); }); }

    var look = setInterval(function () {
      if (told || !drawn()) { return; }
      told = true;
      clearInterval(look);
      fit();
      var maps = Array.prototype.map.call(document.querySelectorAll(".map-graph .js-plotly-plot"), function (plot) {
        var sub = plot._fullLayout && plot._fullLayout.map && plot._fullLayout.map._subplot;
        return sub && sub.map && plot.getBoundingClientRect().width ? idle(sub.map) : null;
      });
      Promise.all(maps.concat(document.fonts.ready)).then(function () { requestAnimationFrame(function () { root.dataset.drawn = "yes"; }); });
    }, 100);
  }

  /* ---- the stage -------------------------------------------------------------------------- */
  function stage() {
    /* a frame that is not drawn in time is given up: the present picture stays */
    var PATIENCE_MS = 45000, LOOK_MS = 200, RETRY_MS = 15000, FADE_MS = 900, HEAP_MS = 5000, RENEW_MS = 6 * 3600000, MOST_WAIT_MS = 3600000;
    var body = document.body, scenes = JSON.parse(body.dataset.scenes), ceiling = Number(body.dataset.heapMb) * 1048576;
    /* a ceiling that a new document does not get below is tried ever less often */
    var wait = 10000;
    var at = 0, shown = null, coming = null, shownAt = 0, due = 0, paused = false, missed = 0;
    body.dataset.renewed = "0";

    function show(index, why) {
      if (coming) { return; }
      var frame = document.createElement("iframe"), since = Date.now();
      frame.title = body.dataset.frameTitle + " " + scenes[index].name;
      frame.tabIndex = -1;
      frame.className = "is-coming";
      frame.src = scenes[index].href;
      body.appendChild(frame);
      coming = frame;
      body.dataset.coming = scenes[index].id;
      var look = setInterval(function () {
        if (isDrawn(frame)) { clearInterval(look); change(frame, index, why); }
        else if (Date.now() - since > PATIENCE_MS) { clearInterval(look); drop(frame); coming = null; due = Date.now() + RETRY_MS; missed += 1; }
      }, LOOK_MS);
    }

    function isDrawn(frame) {
      var inner = inside(frame);
      return inner && inner.documentElement.dataset.drawn === "yes";
    }

    /* a frame that shows the browser's own error page is not ours to look into */
    function inside(frame) { try { return frame.contentDocument; } catch (error) { return null; } }

    function change(frame, index, why) {
      var old = shown;
      shown = frame;
      coming = null;
      missed = 0;
      at = index;
      shownAt = Date.now();
      due = shownAt + scenes[index].dwell_s * 1000;
      frame.className = "is-shown";
      mark();
      body.dataset.scene = scenes[index].id;
      delete body.dataset.coming;
      if (why === "renew") { body.dataset.renewed = String(Number(body.dataset.renewed) + 1); }
      if (old) { setTimeout(function () { drop(old); }, FADE_MS); }
    }

    function drop(frame) {
      frame.src = "about:blank";
      setTimeout(function () { frame.remove(); }, 50);
    }

    function mark() {
      var inner = shown && inside(shown);
      if (inner) { inner.documentElement.dataset.paused = paused ? "yes" : "no"; inner.documentElement.dataset.shown = "yes"; }
    }

    function step(by) { show((at + by + scenes.length) % scenes.length, "turn"); }

    document.addEventListener("keydown", function (event) {
      if (event.key === " ") { event.preventDefault(); paused = !paused; due = Date.now() + scenes[at].dwell_s * 1000; mark(); }
      else if (event.key === "ArrowRight" || event.key === "ArrowDown" || event.key === "PageDown") { event.preventDefault(); step(1); }
      else if (event.key === "ArrowLeft" || event.key === "ArrowUp" || event.key === "PageUp") { event.preventDefault(); step(-1); }
    });

    setInterval(function () {
      if (coming || Date.now() < due) { return; }
      if (!shown) { show(at, "first"); return; }
      /* a scene that does not come is passed over */
      if (!paused && scenes.length > 1) { step(1 + missed % (scenes.length - 1)); }
    }, 250);

    /* the ceiling: the same scene is drawn anew behind the picture, and takes its place */
    setInterval(function () {
      if (!shown || coming) { return; }
      var age = Date.now() - shownAt, heap = window.performance.memory ? window.performance.memory.usedJSHeapSize : 0;
      body.dataset.heap = String(heap);
      if (age > RENEW_MS) { show(at, "renew"); }
      else if (heap > ceiling && age > wait) { wait = Math.min(wait * 2, MOST_WAIT_MS); show(at, "renew"); }
    }, HEAP_MS);

    show(0, "first");
  }
})();
