/* The review meeting: freezes the ledger, has briefings made, shows how far they are, and hands over the file. */
(function () {
  "use strict";
  var MAY = ["review", "admin"], API = "/api/v1/ledger";

  function post(path, body) {
    return fetch(API + path, {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body)
    }).then(read);
  }

  function read(answer) {
    return answer.json().then(function (body) {
      if (!answer.ok) { throw Object.assign({}, body, { status: answer.status }); }
      return body;
    });
  }

  /* why it was refused, in the language of the page where its code has a sentence (data-refusals of the page) */
  function reason(words, error) {
    var box = document.querySelector("[data-refusals]"), known = box ? JSON.parse(box.dataset.refusals) : {};
    var plain = error.error || error.message || String(error.status || "");
    var said = error.code ? window.city_brain.sentence({ code: error.code, args: error.facts, message: "" }, known) : "";
    return words.replace("{reason}", said || plain + (error.hint ? " — " + error.hint : ""));
  }

  document.addEventListener("submit", function (event) {
    var form = event.target.closest ? event.target.closest("form[data-freeze]") : null;
    if (!form) { return; }
    event.preventDefault();
    var name = form.querySelector("textarea"), result = form.querySelector(".act-result"), say = form.dataset;
    if (!name.value.trim()) { result.textContent = say.unnamed; name.focus(); return; }
    result.textContent = say.sending;
    post("/freezes", Object.assign(JSON.parse(say.freeze), { name: name.value.trim() })).then(function (made) {
      result.textContent = say.done.replace("{id}", made.freeze_id);
      name.value = "";
      setTimeout(function () { location.reload(); }, 900);
    }).catch(function (error) {
      var words = error.status === 503 ? say.busy : error.status === 401 || error.status === 403 ? say.forbidden : say.failed;
      result.textContent = reason(words, error);
    });
  });

  document.addEventListener("click", function (event) {
    var button = event.target.closest ? event.target.closest("button[data-brief]") : null;
    if (!button) { return; }
    var box = document.querySelector(".brief-progress"), bar = box.querySelector("progress");
    var words = box.querySelector(".brief-words"), link = box.querySelector(".brief-file"), say = box.dataset;
    box.hidden = false;
    link.textContent = "";
    link.removeAttribute("href");
    bar.value = 0;
    words.textContent = say.start;
    box.scrollIntoView({ block: "nearest" });
    function fail(error) { words.textContent = reason(say.failed, error); }
    function follow(job) {
      bar.value = job.share;
      if (job.state === "failed") { fail(job); return; }
      if (job.state !== "done") {
        words.textContent = say[job.step] || say.gather;
        fetch(API + "/briefs/" + job.id + "?wait=1", { credentials: "same-origin", cache: "no-store" }).then(read).then(follow).catch(fail);
        return;
      }
      words.textContent = say.done.replace("{seconds}", job.took_s.toFixed(1));
      link.href = API + "/briefs/" + job.id + "/file";
      link.download = job.file;
      link.dataset.native = "true";
      link.textContent = job.file + " (" + Math.round(job.bytes / 1024) + " kB)";
      link.click();
    }
    post("/briefs", JSON.parse(button.dataset.brief)).then(follow).catch(fail);
  });

  function look() {
    fetch("/session", { cache: "no-cache", credentials: "same-origin" }).then(function (answer) {
      return answer.ok ? answer.json() : {};
    }).then(function (user) {
      document.documentElement.dataset.mayReview = MAY.indexOf(user.role) >= 0 ? "yes" : "no";
    }).catch(function () { document.documentElement.dataset.mayReview = "no"; });
  }
  look();
  window.addEventListener("pageshow", look);
}());
