/* The replay: one slider moves every panel and the map of a page through the past. The server builds each moment as it
   builds the present; here they are only fetched ahead, put together from their differences, and shown in turn. */
(function () {
  "use strict";
  var CHUNK = 6, AHEAD = 3, SPEEDS = [1, 2, 4, 8], BASE_MS = 1000, ADDRESS_MS = 400;
  /* a wall holds its last hour longer (data_pipeline/cities/wall.py) */
  var WALL_HELD_MS = 6000, WALL_LOOK_MS = 200, WALL_RETRY_MS = 15000;
  var LENGTH = { hour: 24, day: 31, month: 12 };
  var player = null;

  function byId(id) { return document.getElementById(id); }
  function brain() { return window.cityBrain; }

  /* ---- local moments: `2026-11-21T15:00` as if it were UTC, so that no zone of the browser comes in ------------- */
  function moment(text) { return new Date(text + ":00Z"); }
  function text(at) { return at.toISOString().slice(0, 16); }
  function shifted(at, step, n) {
    var made = new Date(at);
    if (step === "hour") { made.setUTCHours(made.getUTCHours() + n); }
    else if (step === "day") { made.setUTCDate(made.getUTCDate() + n); }
    else { made.setUTCMonth(made.getUTCMonth() + n); }
    return made;
  }
  function floor(at, unit) {
    var made = new Date(at);
    made.setUTCMinutes(0, 0, 0);
    if (unit !== "hour") { made.setUTCHours(0); }
    if (unit === "month" || unit === "year") { made.setUTCDate(1); }
    if (unit === "year") { made.setUTCMonth(0); }
    return made;
  }
  var WINDOW = { hour: "day", day: "month", month: "year" };

  /* the ends of all periods of the window that holds a moment, none after `now` */
  function windowOf(at, step, now) {
    var begin = floor(new Date(at.getTime() - 1000), WINDOW[step]), found = [], end;
    for (var i = 1; i <= LENGTH[step]; i += 1) {
      end = shifted(begin, step, i);
      if (floor(new Date(end.getTime() - 1000), WINDOW[step]).getTime() !== begin.getTime() || end > now) { break; }
      found.push(text(end));
    }
    return found;
  }

  /* ---- frames ---------------------------------------------------------------------------------------------------- */
  function patched(before, changes) {
    var made = JSON.parse(JSON.stringify(before));
    changes.forEach(function (change) {
      var path = change[0], node = made, last = path[path.length - 1];
      path.slice(0, -1).forEach(function (key) { node = node[key]; });
      if (change.length === 1) { delete node[last]; } else { node[last] = change[1]; }
    });
    return made;
  }

  function fetched(path, search, step, mode, from, n, have, span) {
    var q = new URLSearchParams({ path: path, search: search, step: step, mode: mode, n: n });
    if (from) { q.set("from", from); }
    if (span) { q.set("span", span); }
    if (have) { q.set("have", have); }
    return fetch("/view/frames?" + q.toString(), { credentials: "same-origin" }).then(function (answer) {
      return answer.json().then(function (body) {
        if (!answer.ok) { throw new Error(body.message || String(answer.status)); }
        return unpacked(body.frames);
      });
    });
  }

  /* every frame as the text of a whole view */
  function unpacked(frames) {
    var whole = null;
    return frames.map(function (frame) {
      if (frame.view) { whole = frame.view; }
      else {
        var bare = Object.assign({}, whole);
        delete bare.tree;
        whole = Object.assign(bare, { updates: patched(whole.updates, frame.patch) });
      }
      return { at: frame.at, words: frame.words, view: JSON.stringify(whole) };
    });
  }

  /* a map that is still being drawn: the next moment waits for it, so that it never lags behind the figures */
  function drawing() { return document.querySelector(".map-graph .dash-graph--pending") !== null; }

  /* ---- the bar ----------------------------------------------------------------------------------------------------- */
  function Player(box) {
    var d = box.dataset;
    this.box = box;
    this.words = d;
    this.mode = d.mode;
    this.step = d.step;
    this.now = moment(d.now);
    this.at = d.at;
    this.frames = {};
    this.loading = {};
    this.speed = 2;
    this.timer = null;
    this.stamp = null;
    this.path = location.pathname;
    this.search = brain().search();
    this.ends = windowOf(moment(d.at), this.step, this.now);
    if (this.ends.indexOf(this.at) < 0) { this.at = this.nearest(); }
  }
  Player.prototype.nearest = function () {
    var at = moment(this.at), best = this.ends.filter(function (end) { return moment(end) <= at; });
    return best.length ? best[best.length - 1] : this.ends[0];
  };
  Player.prototype.index = function () { return Math.max(this.ends.indexOf(this.at), 0); };

  Player.prototype.href = function (changes) {
    var q = new URLSearchParams(location.search), self = this;
    var mode = changes.mode || this.mode, step = changes.step || this.step, at = changes.at || this.at;
    ["at", "as_of", "step"].forEach(function (key) { q.delete(key); });
    q.set(mode === "known" ? "as_of" : "at", at);
    if (step !== "hour") { q.set("step", step); }
    return self.path + "?" + q.toString();
  };

  Player.prototype.need = function (i) {
    /* the chunk of a position, once; the first wanted first */
    var chunk = Math.floor(i / CHUNK), self = this;
    if (i < 0 || i >= this.ends.length || this.loading[chunk]) { return this.loading[chunk] || Promise.resolve(); }
    var first = chunk * CHUNK, n = Math.min(CHUNK, this.ends.length - first);
    /* the whole window goes along: all its frames share the classes of the map */
    var span = this.ends[0] + "/" + this.ends[this.ends.length - 1];
    this.loading[chunk] = fetched(this.path, this.search, this.step, this.mode, this.ends[first], n, brain().key(), span).then(function (frames) {
      frames.forEach(function (frame) { self.frames[frame.at] = frame; });
      self.paintLoaded();
    }).catch(function (error) { delete self.loading[chunk]; throw error; });
    return this.loading[chunk];
  };

  Player.prototype.goTo = function (i) {
    var at = this.ends[i], self = this;
    if (!at) { return Promise.resolve(); }
    this.at = at;
    this.paint();
    if (this.frames[at]) { this.show(this.frames[at]); }
    else {
      this.need(i).then(function () { if (player === self && self.at === at && self.frames[at]) { self.show(self.frames[at]); } })
        .catch(function () { self.say(self.words.failedWords); self.pause(); });
    }
    return this.need(i + AHEAD);
  };

  Player.prototype.show = function (frame) {
    brain().show(frame.view);
    this.say(frame.words);
    clearTimeout(this.stamp);
    var self = this;
    this.stamp = setTimeout(function () { if (player === self) { history.replaceState(null, "", self.href({})); } }, ADDRESS_MS);
  };
  Player.prototype.say = function (words) {
    var said = document.querySelector("#replay .replay-moment");
    if (said) { said.textContent = words; }
  };

  Player.prototype.play = function () {
    var self = this;
    this.pause();
    this.playing = true;
    function next() {
      if (player !== self || !self.playing) { return; }
      var i = self.index() + 1;
      if (drawing()) { self.timer = setTimeout(next, WALL_LOOK_MS); return; }
      if (i >= self.ends.length) { self.onward(); return; }
      if (self.frames[self.ends[i]]) { self.goTo(i); }
      else { self.need(i).catch(function () { self.say(self.words.failedWords); self.pause(); }); }
      self.timer = setTimeout(next, BASE_MS / self.speed);
    }
    next();
    this.paint();
  };
  Player.prototype.pause = function () { clearTimeout(this.timer); this.playing = false; this.paint(); };

  /* the next window; where that would be the future, the present */
  Player.prototype.onward = function () {
    var ends = windowOf(shifted(moment(this.ends[this.ends.length - 1]), this.step, 1), this.step, this.now);
    if (!ends.length) { this.pause(); brain().go(byId("replay").querySelector(".replay-live").getAttribute("href")); return; }
    this.turn(ends, 0);
    this.play();
  };
  Player.prototype.turn = function (ends, i) {
    if (!ends.length) { return; }
    this.ends = ends;
    this.frames = {};
    this.loading = {};
    this.build();
    this.goTo(i);
  };

  /* ---- what is drawn ------------------------------------------------------------------------------------------------ */
  function make(tag, name, props, parent) {
    var node = document.createElement(tag);
    node.className = name;
    Object.keys(props || {}).forEach(function (key) { if (key === "text") { node.textContent = props[key]; } else { node.setAttribute(key, props[key]); } });
    if (parent) { parent.appendChild(node); }
    return node;
  }

  Player.prototype.build = function () {
    var self = this, w = this.words, box = this.box;
    box.textContent = "";
    function choice(label, options, chosen, href) {
      var nav = make("nav", "tabs replay-tabs", { "aria-label": label }, box);
      options.forEach(function (o) {
        make("a", o[0] === chosen ? "is-active" : "", { href: href(o[0]), text: o[1], title: o[2] || o[1], "aria-current": o[0] === chosen ? "true" : "false" }, nav);
      });
    }
    choice(w.modeWords, [["happened", w.happenedWords, w.happenedHintWords], ["known", w.knownWords, w.knownHintWords]], this.mode,
      function (mode) { return self.href({ mode: mode }); });
    choice(w.stepWords, ["hour", "day", "month"].map(function (s) { return [s, w["step" + s[0].toUpperCase() + s.slice(1) + "Words"]]; }), this.step,
      function (step) { return self.href({ step: step }); });
    var back = make("button", "replay-button", { type: "button", "aria-label": w.earlierWords, title: w.earlierWords, text: "‹" }, box);
    this.button = make("button", "replay-button replay-play", { type: "button" }, box);
    var track = make("div", "replay-track", {}, box);
    this.loaded = make("div", "replay-loaded", { "aria-hidden": "true" }, track);
    this.slider = make("input", "replay-slider", { type: "range", min: 0, max: Math.max(this.ends.length - 1, 0), step: 1, "aria-label": w.sliderWords }, track);
    var on = make("button", "replay-button", { type: "button", "aria-label": w.laterWords, title: w.laterWords, text: "›" }, box);
    this.rate = make("button", "replay-button replay-rate", { type: "button", "aria-label": w.speedWords, title: w.speedWords }, box);
    back.onclick = function () {
      var ends = windowOf(shifted(moment(self.ends[0]), self.step, -1), self.step, self.now);
      self.turn(ends, ends.length - 1);
    };
    on.onclick = function () { self.turn(windowOf(shifted(moment(self.ends[self.ends.length - 1]), self.step, 1), self.step, self.now), 0); };
    this.button.onclick = function () { if (self.playing) { self.pause(); } else { self.play(); } };
    this.rate.onclick = function () { self.speed = SPEEDS[(SPEEDS.indexOf(self.speed) + 1) % SPEEDS.length]; self.paint(); };
    this.slider.oninput = function () { var i = Number(self.slider.value); self.pause(); self.goTo(i); };
    this.paint();
    this.paintLoaded();
  };
  Player.prototype.paint = function () {
    if (!this.slider) { return; }
    this.slider.value = this.index();
    this.slider.setAttribute("aria-valuetext", this.frames[this.at] ? this.frames[this.at].words : this.at.replace("T", " "));
    this.button.textContent = this.playing ? "❚❚" : "▶";
    this.button.setAttribute("aria-label", this.playing ? this.words.pauseWords : this.words.playWords);
    this.button.title = this.button.getAttribute("aria-label");
    this.rate.textContent = this.speed + "×";
  };
  Player.prototype.paintLoaded = function () {
    if (!this.loaded) { return; }
    var self = this, n = this.ends.filter(function (end) { return self.frames[end]; }).length;
    this.loaded.style.width = (100 * n / Math.max(this.ends.length, 1)) + "%";
  };

  function onPage() {
    var box = byId("replay-controls"), on = new URLSearchParams(location.search), wall = document.querySelector(".wall[data-replay-hours]");
    if (wall && !onWall) { playLast(Number(wall.dataset.replayHours), Number(wall.dataset.hourMs)); return; }
    if (!byId("replay")) {
      if (player) { player.pause(); player = null; }
      if (!onWall) { brain().hold(false); }
      return;
    }
    brain().hold(true);
    if (!box || box.firstChild) { return; }
    if (player && player.path === location.pathname && (on.get("at") || on.get("as_of"))) {
      /* a frame brought a new structure: the same player in the new bar */
      if (player.mode === box.dataset.mode && player.step === box.dataset.step && player.frames[box.dataset.at]) {
        player.box = box; player.words = box.dataset; player.build();
        return;
      }
    }
    if (player) { player.pause(); }
    player = new Player(box);
    player.build();
    player.need(player.index()).catch(function () { player.say(player.words.failedWords); });
  }

  /* ---- on a wall: the newest hours over and over; in a frame of the stage they run once the frame is shown ---------- */
  var onWall = false;
  function playLast(hours, hourMs) {
    var root = document.documentElement, frames = [], at = 0;
    onWall = true;
    function read() {
      return fetched(location.pathname, brain().search(), "hour", "happened", "", hours, brain().key(), "").then(function (found) { frames = found; });
    }
    function next() {
      if (at >= frames.length) { again(); return; }
      if (at && (drawing() || root.dataset.framed === "yes" && root.dataset.shown !== "yes")) { setTimeout(next, WALL_LOOK_MS); return; }
      brain().hold(true);
      brain().show(frames[at].view);
      if (!root.dataset.replay) { begun(); }
      at += 1;
      setTimeout(next, hourMs + (at === frames.length ? WALL_HELD_MS : 0));
    }
    /* the scene may be shown once its first hour stands */
    function begun() { setTimeout(function () { if (drawing()) { begun(); } else { root.dataset.replay = "playing"; } }, WALL_LOOK_MS); }
    /* the server may be gone: then the hours that are here are played again */
    function again() {
      at = 0;
      read().catch(function () {}).then(function () {
        if (frames.length) { next(); return; }
        root.dataset.replay = "failed";
        setTimeout(again, WALL_RETRY_MS);
      });
    }
    again();
  }

  (function wait() { if (brain()) { brain().onPage(onPage); } else { setTimeout(wait, 30); } }());
}());
