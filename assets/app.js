/* The page in the browser: loads views, applies only what changed, keeps the clock and the connection.
   No figure is computed here; the server decides every text. */
(function () {
  "use strict";
  var POLL_MS = 2000, REFRESH_MS = 25000, RETRY_MS = [1000, 2000, 5000, 15000], JITTER_MS = 250;
  /* an answer that never comes, a socket that opens and stays silent: both count as a lost connection */
  var ANSWER_MS = 20000, SILENCE_MS = 5000;
  var state = { key: "", applied: {}, body: "", snapshot: null, busy: null, again: false, lostSince: null, seen: Date.now(), told: null, skew: 0 };
  var socket = null, failures = 0, pollTimer = null, listeners = [], held = false, stands = false;

  function byId(id) { return document.getElementById(id); }
  function setProps(id, props) { window.dash_clientside.set_props(id, props); }
  function lang() { return document.documentElement.dataset.lang || "zh"; }

  /* ---- light and dark (assets/early/start.js) ------------------------------------------------ */
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
  function withTheme(name) { forced = name; window.cityBrain.renew(); }

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
    window.cityBrain.fit.enlarged(view);
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
          changed[name] = name === "figure" ? window.cityBrain.fit.fitted(id, props[name]) : props[name];
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
    requestAnimationFrame(function () {
      /* the server's drawing has the same elements; whoever waits for the page waits for the page itself */
      if (byId("first")) { whenMounted(); return; }
      stands = true;
      tick(); showConnection(); who(); window.cityBrain.fit.fold(); window.cityBrain.fit.maps(); listeners.forEach(function (does) { does(); });
    });
  }

  /* the server's own drawing of the page stands until the page itself does; what was pressed in it is pressed then */
  (function () {
    var first = byId("first");
    if (!first) { return; }
    new MutationObserver(function (changes, watch) {
      if (!document.querySelector("#page > :not(.page-loading)")) { return; }
      watch.disconnect();
      first.remove();
      var pressed = window.cityBrainPressed, same = pressed && pressed.reduce(function (at, i) { return at && at.children[i]; }, byId("page"));
      if (same) { requestAnimationFrame(function () { same.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true })); }); }
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
      setProps("drawer-body", { children: window.cityBrain.fit.enlarged(body.tree) });
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
    onPage: function (does) { listeners.push(does); if (stands) { does(); } },
    /* a replay shows views of its own; while it holds the page nothing else is loaded */
    hold: function (on) { held = on; showConnection(); }, show: function (text) { apply(text, false); },
    key: function () { return state.key; },
    /* the figure of a graph as it was sent last; the page anew, for another size of type */
    sent: function (id) { return state.applied[id + "/figure"]; }, renew: function () { state.key = state.body = ""; load(false); } };
  load(true);
  connect();
  setInterval(function () { load(false); }, REFRESH_MS);
})();
