/* The search of the header: `/` opens it, arrows choose, Enter goes, Esc closes. The server finds and names the pages. */
(function () {
  "use strict";
  var WAIT_MS = 80, timer = null, asked = 0, opener = null, chosen = -1;

  function byId(id) { return document.getElementById(id); }
  function words(key) { return byId("search").dataset[key + (window.cityBrain.lang() === "en" ? "En" : "Zh")]; }
  function make(tag, attributes, children) {
    var element = document.createElement(tag);
    Object.keys(attributes || {}).forEach(function (name) { element.setAttribute(name, attributes[name]); });
    (children || []).forEach(function (child) { element.append(child); });
    return element;
  }

  function open() {
    var box = byId("search"), panel = byId("search-panel");
    if (!box || !window.cityBrain) { return; }
    opener = document.activeElement;
    var input = make("input", { id: "search-input", type: "search", autocomplete: "off", spellcheck: "false", role: "combobox", maxlength: "100",
      "aria-expanded": "true", "aria-controls": "search-list", "aria-autocomplete": "list", "aria-label": words("title"), placeholder: words("title") });
    panel.setAttribute("aria-label", words("title"));
    var shut = make("button", { type: "button", class: "icon-button", "data-do": "search-close", "aria-label": words("close"), title: words("close") }, ["×"]);
    panel.replaceChildren(make("div", { class: "search-head" }, [input, shut]), make("div", { id: "search-list", role: "listbox", "aria-label": words("title") }),
      make("p", { id: "search-note", class: "note", role: "status" }, [words("start")]));
    chosen = -1;
    box.hidden = false;
    input.focus();
    input.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(ask, WAIT_MS); });
  }

  function close() {
    var box = byId("search");
    if (!box || box.hidden) { return; }
    box.hidden = true;
    asked += 1;
    if (opener && opener.isConnected) { opener.focus(); }
  }

  function ask() {
    var query = byId("search-input").value.trim(), mine = asked += 1;
    if (!query) { show({ groups: [] }, ""); return; }
    /* the page of an area belongs to its city also where the address does not name it: the path goes along */
    var q = new URLSearchParams({ q: query, path: location.pathname, search: window.cityBrain.search() });
    fetch("/view/search?" + q.toString(), { credentials: "same-origin" }).then(function (answer) {
      return answer.json().then(function (body) {
        if (!answer.ok) { throw new Error(body.message || String(answer.status)); }
        return body;
      });
    }).then(function (body) { if (mine === asked) { show(body, query); } }).catch(function (error) {
      if (mine === asked && byId("search-note")) { byId("search-note").textContent = words("failed").replace("{reason}", error.message); }
    });
  }

  function show(body, query) {
    var n = 0, list = byId("search-list");
    if (!list) { return; }
    list.replaceChildren.apply(list, body.groups.map(function (group, g) {
      return make("div", { role: "group", "aria-labelledby": "search-group-" + g }, [make("h3", { id: "search-group-" + g }, [group.name])].concat(
        group.hits.map(function (hit) {
          return make("a", { href: hit.href, role: "option", id: "search-hit-" + n++, class: "search-hit", "aria-selected": "false", tabindex: "-1" },
            [make("b", {}, [hit.name]), make("small", {}, [hit.note])]);
        })));
    }));
    choose(n ? 0 : -1);
    byId("search-note").textContent = n ? words("found").replace("{n}", n) + " · " + words("hint")
      : query ? words("none").replace("{query}", query) + " · " + words("hint") : words("start");
  }

  function choose(at) {
    var hits = byId("search-list").querySelectorAll(".search-hit");
    chosen = hits.length ? (at + hits.length) % hits.length : -1;
    hits.forEach(function (hit, i) { hit.setAttribute("aria-selected", i === chosen ? "true" : "false"); });
    if (chosen >= 0) {
      hits[chosen].scrollIntoView({ block: "nearest" });
      byId("search-input").setAttribute("aria-activedescendant", hits[chosen].id);
    } else { byId("search-input").removeAttribute("aria-activedescendant"); }
  }

  function writing(element) { return element && (/^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName) || element.isContentEditable); }

  document.addEventListener("keydown", function (event) {
    var box = byId("search");
    if (!box) { return; }
    if (box.hidden) {
      if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !writing(event.target)) { event.preventDefault(); open(); }
      return;
    }
    if (event.key === "Escape") { event.preventDefault(); close(); }
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); choose(chosen + (event.key === "ArrowDown" ? 1 : -1)); }
    else if (event.key === "Tab") { event.preventDefault(); }
    else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      var hit = byId("search-list").querySelectorAll(".search-hit")[chosen];
      if (hit) { hit.click(); }
    }
  });
  document.addEventListener("click", function (event) {
    var target = event.target.closest ? event.target : event.target.parentElement;
    if (!target) { return; }
    if (target.closest("[data-do=search]")) { open(); return; }
    if (target.closest("[data-do=search-close]")) { close(); return; }
    if (target.closest("#search") && (target.closest(".search-hit") || target.closest(".drawer-scrim"))) { opener = null; close(); }
  });
})();
