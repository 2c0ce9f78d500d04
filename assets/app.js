/* The page in the browser: loads views, applies only what changed, keeps the clock and the connection.
   No figure is computed here; the server decides every text. */
(function () {
  "use strict";
  var POLL_MS = 2000, REFRESH_MS = 25000, RETRY_MS = [1000, 2000, 5000, 15000], JITTER_MS = 250;
  /* an answer that never comes, a socket that opens and stays silent: both count as a lost connection */
  var ANSWER_MS = 20000, SILENCE_MS = 5000;
  var state = { key: "", applied: {}, body: "", snapshot: null, busy: null, again: false, lostSince: null, seen: Date.now(), told: null, skew: 0 };
  var socket = null, failures = 0, pollTimer = null, listeners = [], held = false;

  function byId(id) { return document.getElementById(id); }
  function setProps(id, props) { window.dash_clientside.set_props(id, props); }
  function lang() { return document.documentElement.dataset.lang || "zh"; }

  /* ---- light and dark (assets/early/theme.js) ------------------------------------------------ */
  var forced = "";
  function theme() { return forced || window.cityBrainTheme.now(); }

  function search() {
    if (theme() === "dark") { return location.search; }
    var q = new URLSearchParams(location.search);
    q.set("theme", theme());
    return "?" + q.toString();
  }
  window.cityBrainTheme.onSystem(function () { load(false); });

  /* for print: light for as long as the paper needs it */
  function withTheme(name) { forced = name; state.key = state.body = ""; load(false); }

  /* ---- views ---------------------------------------------------------------------------- */
  function viewUrl(have) {
    var q = new URLSearchParams({ path: location.pathname, search: search() });
    if (have) { q.set("have", have); }
    return "/view?" + q.toString();
  }

  function load(navigated) {
    if (held && !navigated) { return; }
    if (state.busy && !navigated) { state.again = true; return; }
    var address = location.pathname + location.search;
    var mine = state.busy = {};
    fetch(viewUrl(state.key), { cache: "no-cache", credentials: "same-origin", signal: AbortSignal.timeout(ANSWER_MS) }).then(function (answer) {
      if (answer.status === 401 || answer.redirected && /\/login/.test(answer.url)) { location.reload(); return null; }
      if (!answer.ok) { throw new Error(String(answer.status)); }
      state.skew = serverSkew(answer) || state.skew;
      return answer.text();
    }).then(function (text) {
      if (text === null || state.busy !== mine || address !== location.pathname + location.search) { return; }
      connected();
      return new Promise(function (done) { whenReady(function () { apply(text, navigated); done(); }); });
    }).catch(function () { if (state.busy === mine) { lost(); } }).finally(function () {
      if (state.busy !== mine) { return; }
      state.busy = null;
      if (state.again || mine.told > state.snapshot) { state.again = false; load(false); }
    });
  }

  function serverSkew(answer) {
    var at = Date.parse(answer.headers.get("date") || "");
    var skew = isNaN(at) ? 0 : at - Date.now();
    return Math.abs(skew) > 2000 ? skew : 0; /* the header has whole seconds only */
  }

  function whenReady(go) {
    if (window.dash_clientside && window.dash_clientside.set_props && byId("page")) { go(); return; }
    setTimeout(function () { whenReady(go); }, 15);
  }

  function apply(text, navigated) {
    if (text === state.body && !navigated) { return; }
    state.body = text;
    var view = JSON.parse(text), root = document.documentElement;
    root.style.fontSize = view.root_size || "";
    enlarged(view);
    if (view.redirect) { history.replaceState(null, "", view.redirect); load(true); return; }
    root.dataset.theme = view.theme;
    root.dataset.lang = view.lang;
    root.lang = view.lang === "zh" ? "zh-CN" : "en";
    document.title = view.title;
    state.snapshot = view.snapshot;
    root.dataset.snapshot = view.snapshot;
    missed();
    if (view.tree) {
      state.key = view.key;
      state.applied = {};
      remember(view.updates);
      setProps("page", { children: view.tree });
      if (navigated) { window.scrollTo(0, 0); }
      whenMounted();
      return;
    }
    Object.keys(view.updates).forEach(function (id) {
      var props = view.updates[id], changed = {}, any = false;
      Object.keys(props).forEach(function (name) {
        var now = JSON.stringify(props[name]), slot = id + "/" + name;
        if (state.applied[slot] !== now) {
          state.applied[slot] = now;
          changed[name] = name === "figure" ? fitted(id, props[name]) : props[name];
          any = true;
        }
      });
      if (any) { setProps(id, changed); }
    });
  }

  function remember(updates) {
    Object.keys(updates).forEach(function (id) {
      Object.keys(updates[id]).forEach(function (name) {
        state.applied[id + "/" + name] = JSON.stringify(updates[id][name]);
      });
    });
  }

  function whenMounted() {
    requestAnimationFrame(function () { tick(); showConnection(); who(); foldMaps(); fitMaps(); listeners.forEach(function (does) { does(); }); });
  }

  /* the server's own drawing of the page stands until the page itself does; a figure asked for before that opens then */
  var early = "";
  (function () {
    var first = byId("first");
    if (!first) { return; }
    new MutationObserver(function (changes, watch) {
      if (!document.querySelector("#page > :not(.page-loading)")) { return; }
      watch.disconnect();
      first.remove();
      var figure = early && document.querySelector('[data-figure="' + CSS.escape(early) + '"]');
      if (figure) { openFigure(figure); }
    }).observe(document.body, { childList: true, subtree: true });
  })();

  /* ---- addresses ------------------------------------------------------------------------ */
  function go(href) {
    if (href === location.pathname + location.search) { return; }
    history.pushState(null, "", href);
    closeDrawer();
    load(true);
  }

  document.addEventListener("click", function (event) {
    if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) { return; }
    var target = event.target.closest ? event.target : event.target.parentElement;
    if (!target) { return; }
    if (target.closest("[data-close]")) { closeDrawer(); return; }
    var figure = target.closest("[data-figure]");
    if (figure && figure.closest("#first")) { event.preventDefault(); early = figure.dataset.figure; return; }
    if (figure) { event.preventDefault(); openFigure(figure); return; }
    var link = target.closest("a[href]");
    if (!link || link.target || link.hasAttribute("download") || link.dataset.native) { return; }
    var url = new URL(link.href, location.href);
    if (url.origin !== location.origin || /^\/(api|geo|assets|login|logout)\b/.test(url.pathname)) { return; }
    if (url.hash && url.pathname === location.pathname && url.search === location.search) { return; }
    event.preventDefault();
    go(url.pathname + url.search);
  });
  window.addEventListener("popstate", function () { closeDrawer(); load(true); });

  /* ---- provenance drawer ---------------------------------------------------------------- */
  var opener = null;

  function openFigure(element) {
    var box = byId("drawer");
    opener = element.id || element.dataset.figure;
    box.hidden = false;
    requestAnimationFrame(function () { box.classList.add("is-open"); byId("drawer-close").focus(); });
    setProps("drawer-body", { children: box.dataset.loading });
    var q = new URLSearchParams({ figure: element.dataset.figure, search: search() });
    fetch("/view/figure?" + q.toString(), { credentials: "same-origin" }).then(function (answer) {
      return answer.json().then(function (body) {
        if (!answer.ok) { throw new Error(body.message || String(answer.status)); }
        return body;
      });
    }).then(function (body) {
      byId("drawer-title").textContent = body.title;
      setProps("drawer-body", { children: enlarged(body.tree) });
    }).catch(function (error) {
      setProps("drawer-body", { children: box.dataset.failed.replace("{reason}", error.message) });
    });
  }

  function closeDrawer() {
    var box = byId("drawer");
    if (!box || box.hidden) { return; }
    box.classList.remove("is-open");
    box.hidden = true;
    var back = opener && (byId(opener) || document.querySelector('[data-figure="' + CSS.escape(opener) + '"]'));
    if (back) { back.focus(); }
    opener = null;
  }

  document.addEventListener("keydown", function (event) {
    var box = byId("drawer");
    if (!box || box.hidden) { return; }
    if (event.key === "Escape") { closeDrawer(); return; }
    if (event.key !== "Tab") { return; }
    var stops = box.querySelectorAll("button, a[href], summary");
    var first = stops[0], last = stops[stops.length - 1];
    if (event.shiftKey && document.activeElement === first) { event.preventDefault(); last.focus(); }
    else if (!event.shiftKey && document.activeElement === last) { event.preventDefault(); first.focus(); }
  });

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
    var box = byId(id);
    return box && figure.layout && figure.layout.meta && figure.layout.meta.bbox ? fit(figure, box) : figure;
  }

  function fitMaps() {
    document.querySelectorAll(".map-graph").forEach(function (box) {
      var text = state.applied[box.id + "/figure"];
      if (text) { setProps(box.id, { figure: fitted(box.id, JSON.parse(text)) }); }
    });
  }
  var resizeTimer = null;
  window.addEventListener("resize", function () { clearTimeout(resizeTimer); resizeTimer = setTimeout(resized, 200); });

  function resized() {
    if (size() !== rootPx) { rootPx = size(); state.key = state.body = ""; load(false); return; }
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
        if (point && typeof point.customdata === "string" && point.customdata[0] === "/") { go(point.customdata); return; }
        if (!point || !point.location) { return; }
        var carried = new URLSearchParams(), now = new URLSearchParams(location.search);
        ["city", "lang", "theme", "at", "as_of", "step"].forEach(function (k) { if (now.get(k)) { carried.set(k, now.get(k)); } });
        var tail = carried.toString();
        go("/district/" + encodeURIComponent(point.location) + (tail ? "?" + tail : ""));
      });
    });
  }
  setInterval(bindMaps, 500);

  /* ---- clock ---------------------------------------------------------------------------- */
  function tick() {
    var box = byId("clocks");
    if (!box) { return; }
    var now = new Date(Date.now() + state.skew), zone = box.dataset.tz, locale = box.dataset.lang === "en" ? "en-GB" : "zh-CN";
    var time = new Intl.DateTimeFormat("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(now);
    var date = new Intl.DateTimeFormat(locale, { timeZone: zone, month: "short", day: "numeric", weekday: "short" }).format(now);
    if (byId("clock").textContent !== time) { byId("clock").textContent = time; }
    if (byId("clock-date").textContent !== date) { byId("clock-date").textContent = date; }
  }
  setInterval(tick, 250);

  /* ---- connection ----------------------------------------------------------------------- */
  function showConnection() {
    var mark = byId("connection"), banner = byId("banner");
    if (!mark || !banner) { return; }
    var mode = state.lostSince ? "lost" : held ? "replay" : socket && socket.readyState === 1 ? "connected" : pollTimer ? "polling" : "connecting";
    mark.className = "connection is-" + mode;
    if (mark.dataset[mode]) { mark.textContent = mark.dataset[mode]; }
    banner.hidden = !state.lostSince;
    if (state.lostSince && mark.dataset.lost) {
      /* a wall says of which moment its picture is, on the city's clock */
      mark.textContent = mark.dataset.lost.replace("{time}", new Intl.DateTimeFormat("en-GB", {
        timeZone: byId("clocks").dataset.tz, hour: "2-digit", minute: "2-digit" }).format(new Date(state.seen + state.skew)));
    } else if (state.lostSince) {
      var words = banner.dataset[lang()] || banner.dataset.zh;
      var since = state.lostSince.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
      banner.textContent = words.replace("{since}", since);
      mark.textContent = "";
    }
  }
  function lost() { if (!state.lostSince) { state.lostSince = new Date(); } showConnection(); }
  function connected() { state.lostSince = null; state.seen = Date.now(); showConnection(); }

  function heard(text) {
    var snapshot = JSON.parse(text).snapshot;
    connected();
    /* the first page is on its way already, likely with it */
    if (state.snapshot === null && state.busy) { state.busy.told = snapshot; return; }
    if (snapshot !== state.snapshot) { setTimeout(function () { load(false); }, Math.random() * JITTER_MS); }
  }

  function connect() {
    var scheme = location.protocol === "https:" ? "wss://" : "ws://", opened = false, mine;
    try { socket = new WebSocket(scheme + location.host + "/live"); } catch (error) { startPolling(); return; }
    mine = socket;
    state.told = null;
    socket.onopen = function () {
      opened = true;
      /* the server speaks first: a socket that stays silent goes through something that swallows it */
      setTimeout(function () { if (socket === mine && state.told === null) { startPolling(); } }, SILENCE_MS);
    };
    socket.onmessage = function (event) {
      failures = 0;
      state.told = JSON.parse(event.data).snapshot;
      stopPolling();
      heard(event.data);
    };
    socket.onclose = function () {
      failures += 1;
      socket = null;
      if (opened || failures > 1) { startPolling(); }
      setTimeout(connect, RETRY_MS[Math.min(failures, RETRY_MS.length) - 1]);
    };
  }
  /* the page learnt of a snapshot by its own refreshing that the socket never told of: the socket is deaf */
  function missed() {
    var seen = state.snapshot, deaf = socket;
    if (!deaf || pollTimer || state.told === null || state.told >= seen) { return; }
    setTimeout(function () { if (socket === deaf && state.told < seen) { deaf.close(); startPolling(); } }, SILENCE_MS);
  }
  function poll() {
    fetch("/live/poll", { cache: "no-cache", credentials: "same-origin", signal: AbortSignal.timeout(ANSWER_MS) }).then(function (answer) {
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(heard).catch(lost);
  }
  function startPolling() { if (!pollTimer) { pollTimer = setInterval(poll, POLL_MS); poll(); } showConnection(); }
  function stopPolling() { clearInterval(pollTimer); pollTimer = null; }

  /* ---- who looks ------------------------------------------------------------------------ */
  function who() {
    var box = byId("who");
    if (!box) { return; }
    fetch("/session", { cache: "no-cache", credentials: "same-origin" }).then(function (answer) {
      var json = /json/.test(answer.headers.get("content-type") || "");
      return answer.ok && json ? answer.json() : null;
    }).then(function (user) {
      if (!user || !byId("who")) { return; }
      byId("who").textContent = user[lang()] || "";
    }).catch(function () { /* the connection's own banner says so */ });
  }

  /* a session ends after a time without a hand; the page's own refreshing does not count as one */
  var touched = 0;
  function touch() {
    if (!byId("who") || !byId("who").textContent || Date.now() - touched < REFRESH_MS) { return; }
    touched = Date.now();
    fetch("/session/touch", { method: "POST", credentials: "same-origin" }).catch(lost);
  }
  ["pointerdown", "keydown", "wheel"].forEach(function (name) { window.addEventListener(name, touch, { passive: true }); });

  window.cityBrain = { search: search, theme: theme, withTheme: withTheme, go: go, lang: lang,
    replace: function (href) { history.replaceState(null, "", href); load(true); },
    onPage: function (does) { listeners.push(does); },
    /* a replay shows views of its own; while it holds the page nothing else is loaded */
    hold: function (on) { held = on; showConnection(); }, show: function (text) { apply(text, false); },
    key: function () { return state.key; } };
  load(true);
  connect();
  setInterval(function () { load(false); }, REFRESH_MS);
})();
