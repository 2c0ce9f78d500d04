/* Reporting: one React component that sends a form to /api/v1/reports and shows the answer in its own place.
   What a role has no use for is hidden here; what it may do is decided by the server. */
(function () {
  "use strict";
  var API = "/api/v1/reports", MOST_BYTES = 20 * 1024 * 1024;

  function look() {
    fetch("/session", { cache: "no-cache", credentials: "same-origin" }).then(function (answer) {
      return answer.ok ? answer.json() : {};
    }).then(function (user) {
      document.documentElement.dataset.role = user.role || "view";
      ownOffice(user.department);
    }).catch(function () { document.documentElement.dataset.role = "view"; });
  }

  /* whoever reports for one office begins with that office's list */
  function ownOffice(department) {
    if (!department || location.pathname !== "/plan/report" || /[?&]dept=/.test(location.search)) { return; }
    var field = document.querySelector('select[name="dept"]');
    if (!field) { setTimeout(function () { ownOffice(department); }, 300); return; }
    var offered = Array.prototype.some.call(field.options, function (option) { return option.value === department; });
    if (offered && field.value !== department) {
      var now = new URLSearchParams(location.search);
      now.set("dept", department);
      history.replaceState(null, "", location.pathname + "?" + now.toString());
      window.dispatchEvent(new PopStateEvent("popstate"));
    }
  }

  /* {name}, or {name:day|days} by its number, as components/i18n.py fills them */
  function filled(text, values) {
    return (text || "").replace(/\{(\w+)(?::([^|}]*)\|([^}]*))?\}/g, function (all, name, one, many) {
      if (!(name in values)) { return all; }
      return one === undefined ? String(values[name]) : String(values[name]) === "1" ? one : many;
    });
  }

  /* a finding of the checks, or a refusal, in the language of the page; review.js says its own with it, too */
  function sentence(finding, words, labels) {
    var args = Object.assign({}, finding.args);
    labels = labels || {};
    ["got", "before"].forEach(function (name) { if (words["stage." + args[name]]) { args[name] = words["stage." + args[name]]; } });
    ["name", "wanted"].forEach(function (name) { args[name] = labels[args[name]] || words["field." + args[name]] || args[name]; });
    if (args.state) { args.state = words["state." + args.state] || args.state; }
    if (args.near) { args.near = filled(words["find.near"], { near: args.near }); }
    return words["find." + finding.code] ? filled(words["find." + finding.code], args) : finding.message;
  }

  function send(path, body, isFile) {
    var options = { method: "POST", credentials: "same-origin", body: isFile ? body : JSON.stringify(body) };
    if (!isFile) { options.headers = { "Content-Type": "application/json" }; }
    return fetch(API + path, options).then(function (answer) {
      return answer.json().catch(function () { return {}; }).then(function (found) { return { status: answer.status, body: found }; });
    });
  }

  /* evidence one after the other: the ids of the kept files, or the first refusal */
  function keepAll(files) {
    return files.reduce(function (before, file) {
      return before.then(function (ids) {
        var form = new FormData();
        form.append("file", file);
        return send("/evidence", form, true).then(function (answer) {
          if (answer.status !== 200) { throw answer; }
          return ids.concat([answer.body.evidence]);
        });
      });
    }, Promise.resolve([]));
  }

  function values(form, fields) {
    var found = {};
    fields.forEach(function (field) {
      var box = form.elements[field.name], text = field.type === "files" ? "" : box.value.trim();
      if (field.type === "files") { found[field.name] = Array.prototype.slice.call(box.files); return; }
      if (text === "") { return; }
      found[field.name] = field.type === "number" ? Number(text) : text;
    });
    return found;
  }

  function draft(props, given, evidence, confirmed) {
    var body = Object.assign({}, props.fixed, given, { confirmed: confirmed });
    if ("progress_pct" in body) { body.progress_share = body.progress_pct / 100; }
    if ("blocked" in body) { body.blocked = body.blocked === "true"; }
    body.evidence = (given.link ? [given.link] : []).concat(evidence);
    ["progress_pct", "files", "link"].forEach(function (name) { delete body[name]; });
    return body;
  }

  function Field(h, field, id) {
    var own = { id: id + "-" + field.name, name: field.name, required: field.required || undefined, maxLength: field.length || undefined };
    var box;
    if (field.type === "select") {
      box = h("select", Object.assign(own, { defaultValue: field.value || "", maxLength: undefined }), field.options.map(function (o) {
        return h("option", { key: o[0], value: o[0] }, o[1]);
      }));
    } else if (field.type === "textarea") {
      box = h("textarea", Object.assign(own, { rows: 2 }));
    } else if (field.type === "files") {
      box = h("input", Object.assign(own, { type: "file", accept: field.accept, multiple: field.length > 1, maxLength: undefined }));
    } else {
      box = h("input", Object.assign(own, { type: field.type, defaultValue: field.value, min: field.min, max: field.max, step: field.step,
        inputMode: field.type === "number" ? "decimal" : undefined, maxLength: field.type === "text" ? field.length : undefined }));
    }
    return h("label", { key: field.name, className: "form-field" + (field.wide ? " is-wide" : "") + " is-" + field.type },
      h("span", null, field.label, field.required ? " *" : null), h("span", { className: "form-box" }, box, field.unit ? h("small", null, field.unit) : null));
  }

  function ActionForm(props) {
    var h = window.React.createElement, words = props.words || {}, fields = props.fields || [];
    var said = window.React.useState({ text: "", tone: "", findings: [] }), state = said[0], say = said[1];
    var kept = window.React.useRef({ key: "", ids: [] });
    var labels = {};
    fields.forEach(function (field) { labels[field.name] = field.label; });

    function tell(text, tone, findings) { say({ text: text, tone: tone || "", findings: findings || [] }); }

    function refused(answer) {
      var body = answer.body || {}, plain = body.error || body.message || String(answer.status || "");
      var known = body.code && words["find." + body.code];
      var reason = known ? sentence({ code: body.code, args: body.facts }, words, labels) : plain;
      if (answer.status === 401 || answer.status === 403) { tell(words["act.forbidden"], "bad"); return; }
      if (answer.status === 413) { tell(words["act.too_large"], "bad"); return; }
      if (answer.status === 503) { tell(filled(words["act.busy"], { reason: reason }), "bad"); return; }
      tell(filled(words["act.failed"], { reason: reason }) + (body.hint && !known ? " (" + body.hint + ")" : ""), "bad");
    }

    function report(form) {
      var given = values(form, fields), box = form.elements.confirmed, confirmed = Boolean(box && box.checked);
      if (confirmed && !given.reason) { tell(words["act.need_reason"], "bad", state.findings); form.elements.reason.focus(); return; }
      if ((given.files || []).some(function (file) { return file.size > MOST_BYTES; })) { tell(words["act.too_large"], "bad"); return; }
      /* a second try does not upload the same files again */
      var key = (given.files || []).map(function (file) { return [file.name, file.size, file.lastModified].join("/"); }).join("|");
      var upload = kept.current.key === key ? Promise.resolve(kept.current.ids) : (tell(words["act.uploading"]), keepAll(given.files || []));
      upload.then(function (ids) {
        kept.current = { key: key, ids: ids };
        var body = draft(props, given, ids, confirmed);
        return send("/check", body).then(function (checked) {
          var errors = checked.status === 200 ? checked.body.filter(function (f) { return f.level === "error"; }) : [];
          if (errors.length) { tell("", "bad", errors.map(function (f) { return { level: "error", text: sentence(f, words, labels) }; })); return; }
          return send("", body).then(function (answer) {
            if (answer.status === 201) { form.reset(); kept.current = { key: "", ids: [] }; tell(filled(words["act.submitted"], { id: answer.body.entry_id }), "good"); return; }
            if (answer.status === 409) {
              tell(words["act.confirm"], "warn", answer.body.findings.map(function (f) { return { level: f.level, text: sentence(f, words, labels) }; }));
              return;
            }
            refused(answer);
          });
        });
      }).catch(refused);
    }

    function upload(form) {
      var body = new FormData();
      body.append("file", form.elements.file.files[0]);
      send("/upload", body, true).then(function (answer) {
        if (!answer.body.rows) { refused(answer); return; }
        form.reset();
        if (!answer.body.rows.length) { tell(words["act.nothing_filled"], "warn"); return; }
        var rows = answer.body.rows.filter(function (row) { return row.problems.length; }).map(function (row) {
          var problems = row.problems.map(function (problem) { return sentence(problem, words, labels); }).join(words["act.and"]);
          return { level: "error", text: filled(words["act.row"], { row: row.row, subject_id: row.subject_id, problems: problems }) };
        });
        tell(filled(words["act.uploaded"], answer.body), rows.length ? "warn" : "good", rows);
      }).catch(refused);
    }

    function settle(form, choice) {
      var note = form.elements.note ? form.elements.note.value.trim() : "";
      var path = "/" + encodeURIComponent(props.fixed.entry_id) + (props.action === "review" ? "/review" : "/withdraw");
      var body = { city: props.fixed.city, note: note };
      if (props.action === "review") { body.accept = choice === "accept"; }
      send(path, body).then(function (answer) {
        if (answer.status === 200) { tell(words[props.action === "review" ? "act.reviewed" : "act.withdrawn"], "good"); return; }
        refused(answer);
      }).catch(refused);
    }

    function submitted(event) {
      event.preventDefault();
      var form = event.target, button = event.nativeEvent.submitter;
      tell(words["act.sending"], "", state.findings);
      if (props.action === "submit") { report(form); } else if (props.action === "upload") { upload(form); } else { settle(form, button && button.value); }
    }

    var asks = props.action === "submit" && state.tone !== "good" && state.findings.length > 0 && state.findings.every(function (f) { return f.level === "warning"; });
    return h("form", { key: props.id, id: props.id, className: "report-form " + (props.className || ""), onSubmit: submitted, "data-action": props.action },
      h("div", { className: "form-fields" }, fields.map(function (field) { return Field(h, field, props.id); })),
      h("div", { className: "form-answer is-" + (state.tone || "plain"), role: "status" },
        state.text ? h("p", null, state.text) : null,
        state.findings.length ? h("ul", null, state.findings.map(function (f, n) { return h("li", { key: n, className: "is-" + f.level }, f.text); })) : null),
      asks ? h("label", { className: "form-confirm" }, h("input", { type: "checkbox", name: "confirmed" }), h("span", null, words["act.confirm_box"])) : null,
      h("div", { className: "form-buttons" }, (props.buttons || []).map(function (b) {
        return h("button", { key: b[0], type: "submit", value: b[0], className: "button" }, b[1]);
      })));
  }

  window.city_brain = Object.assign(window.city_brain || {}, { ActionForm: ActionForm, sentence: sentence });
  look();
  window.addEventListener("pageshow", look);
}());
