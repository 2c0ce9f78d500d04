/* One React component: draws the parts that components/svg.py computed. */
(function () {
  "use strict";
  function Svg(props) {
    var h = window.React.createElement;
    var attributes = {
      className: props.className,
      id: props.id,
      viewBox: props.viewBox,
      preserveAspectRatio: props.stretch ? "none" : "xMidYMid meet",
      focusable: "false"
    };
    if (props.label) {
      attributes.role = "img";
      attributes["aria-label"] = props.label;
    } else {
      attributes["aria-hidden"] = "true";
    }
    return h("svg", attributes, (props.parts || []).map(function (part, i) {
      var own = Object.assign({ key: i }, part[1]);
      var text = own.text;
      delete own.text;
      return h(part[0], own, text);
    }));
  }
  window.city_brain = Object.assign(window.city_brain || {}, { Svg: Svg });
})();
