/* One React component for a whole subtree of a page that pages/serving/tree.py sent as it is. */
(function () {
  "use strict";
  var NS = window.city_brain = window.city_brain || {};

  function draw(node) {
    var h = window.React.createElement;
    if (node === null || typeof node !== "object") { return node; }
    if (Array.isArray(node)) { return h.apply(null, [window.React.Fragment, null].concat(node.map(draw))); }
    if (node.namespace === "city_brain") { return h(NS[node.type], node.props); }
    var props = Object.assign({}, node.props), inside = props.children;
    delete props.children;
    return h.apply(null, [node.type.toLowerCase(), props].concat(Array.isArray(inside) ? inside.map(draw) : [draw(inside)]));
  }

  NS.Tree = function Tree(props) { return draw(props.node); };
})();
