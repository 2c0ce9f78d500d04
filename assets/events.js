/* Alerts: who may act sees the forms; a form is sent to the pipeline and shows its answer in its own line. */
(function () {
  "use strict";
  var MAY = ["report", "review", "admin"];

  function look() {
    fetch("/session", { cache: "no-cache", credentials: "same-origin" }).then(function (answer) {
      return answer.ok ? answer.json() : {};
    }).then(function (user) {
      document.documentElement.dataset.mayAct = MAY.indexOf(user.role) >= 0 ? "yes" : "no";
    }).catch(function () { document.documentElement.dataset.mayAct = "no"; });
  }

  /* a list that refreshes itself may move a line under the pen: a note stays with the alert it was written for */
  document.addEventListener("input", function (event) {
    var form = event.target.closest && event.target.closest("form[data-act]");
    if (form && !event.target.dataset.written) { event.target.dataset.written = form.dataset.alert; }
  });

  document.addEventListener("submit", function (event) {
    var form = event.target.closest ? event.target.closest("form[data-act]") : null;
    if (!form) { return; }
    event.preventDefault();
    var note = form.querySelector("textarea"), result = form.querySelector(".act-result"), button = event.submitter;
    if (!button) { return; }
    if (note.dataset.written && note.dataset.written !== form.dataset.alert) {
      note.value = "";
      delete note.dataset.written;
      result.textContent = form.dataset.moved;
      return;
    }
    result.textContent = form.dataset.sending;
    fetch("/act/alert", {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ alert: form.dataset.alert, state: button.value, note: note.value.trim() })
    }).then(function (answer) {
      return answer.json().then(function (body) {
        if (answer.ok) {
          note.value = "";
          delete note.dataset.written;
          result.textContent = form.dataset.done;
          return;
        }
        var words = answer.status === 503 ? form.dataset.busy : answer.status === 401 || answer.status === 403 ? form.dataset.forbidden : form.dataset.failed;
        result.textContent = words.replace("{reason}", body.message || body.error || String(answer.status));
      });
    }).catch(function () { result.textContent = form.dataset.failed.replace("{reason}", ""); });
  });

  look();
  window.addEventListener("pageshow", look);
}());
