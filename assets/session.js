// Tells the server that somebody is there (at most once a minute), so that a session ends by standing
// idle and not by a page that refreshes itself. Where the session is over, the sign-in page opens.
(function () {
  "use strict";
  var last = 0;
  function touch() {
    var now = Date.now();
    if (now - last < 60000) { return; }
    last = now;
    fetch("/session/touch", { method: "POST", credentials: "same-origin" }).then(function (answer) {
      if (answer.status === 401) {
        location.assign("/login?next=" + encodeURIComponent(location.pathname + location.search));
      }
    }).catch(function () { last = 0; });
  }
  ["pointerdown", "keydown", "wheel"].forEach(function (kind) {
    addEventListener(kind, touch, { passive: true });
  });
}());
