/* A field whose value is a part of the address (a list or a date), one React component; and the fold of the long list.
   The server decides what is shown. */
(function () {
  "use strict";
  function visit(param, value) {
    var now = new URLSearchParams(location.search);
    if (value) { now.set(param, value); } else { now.delete(param); }
    var link = document.createElement("a"), tail = now.toString();
    link.href = location.pathname + (tail ? "?" + tail : "");
    link.hidden = true;
    document.body.appendChild(link);
    link.click(); /* app.js follows links without loading the page anew */
    link.remove();
  }

  function AddressField(props) {
    var h = window.React.createElement, field;
    var own = { key: props.value || "", defaultValue: props.value || "", name: props.param };
    if (props.options) {
      own.onChange = function (event) { visit(props.param, event.target.value); };
      field = h("select", own, props.options.map(function (o) { return h("option", { key: o[0], value: o[0] }, o[1]); }));
    } else {
      /* a date being typed passes through years like 0002: only one inside the allowed span is followed */
      own.type = "date"; own.min = props.min; own.max = props.max;
      own.onChange = function (event) {
        if (event.target.value && event.target.validity.valid) { visit(props.param, event.target.value); }
      };
      field = h("input", own);
    }
    return h("label", { className: "address-field" + (props.active ? " is-active" : ""), id: props.id }, h("span", null, props.label), field);
  }
  /* on a phone the groups of the long list open and shut by a tap */
  document.addEventListener("click", function (event) {
    var head = event.target.closest ? event.target.closest(".fold-head") : null;
    if (!head) { return; }
    var open = head.getAttribute("aria-expanded") !== "true";
    head.setAttribute("aria-expanded", String(open));
    head.closest("tbody").dataset.open = String(open);
  });
  window.city_brain = Object.assign(window.city_brain || {}, { AddressField: AddressField });
})();
