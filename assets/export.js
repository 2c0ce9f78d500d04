/* Charts and figures to take along: PNG and SVG with their source line, and the table behind every chart.
   Points and words come from the server; nothing is computed here. */
(function () {
  "use strict";
  var SCALE = 2, PAD = 24, FONT = "City Brain Sans", HAN = /[\u3000-\u9fff]/, fonts = {};

  function token(name) { return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim(); }
  function escaped(text) { return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;").replace(/"/g, "&quot;"); }
  function family() { return token("font"); }

  /* ---- text ------------------------------------------------------------------------------ */
  var pen = document.createElement("canvas").getContext("2d");
  function wrapped(text, px, weight, width) {
    pen.font = weight + " " + px + "px " + family();
    var lines = [], line = "";
    /* a Chinese line may end after any character, a Latin one after a word */
    (String(text).match(/[\u3000-\u9fff]|[^\s\u3000-\u9fff]+\s?|\s/g) || []).forEach(function (piece) {
      if (line && pen.measureText(line + piece).width > width) { lines.push(line.trim()); line = piece; } else { line += piece; }
    });
    return line.trim() ? lines.concat(line.trim()) : lines;
  }

  /* the shipped font goes along inside, so that the picture looks the same on a machine without one */
  function fontFaces(text) {
    var slices = HAN.test(text) ? [1, 2] : [1];
    return Promise.all(slices.map(function (n) {
      fonts[n] = fonts[n] || fetch("/assets/fonts/sans-regular-" + n + ".otf", { credentials: "same-origin" }).then(function (answer) {
        if (!answer.ok) { throw new Error("font " + answer.status); }
        return answer.blob();
      }).then(dataUrl);
      return fonts[n].then(function (url) { return '@font-face{font-family:"' + FONT + ' ' + n + '";src:url("' + url + '") format("opentype");}'; });
    })).then(function (faces) {
      return "<style>" + faces.join("") + "text{font-family:" + slices.map(function (n) { return "'" + FONT + " " + n + "'"; }).join(",") + ",sans-serif !important}</style>";
    });
  }
  function dataUrl(blob) {
    return new Promise(function (done, failed) {
      var reader = new FileReader();
      reader.onload = function () { done(reader.result); };
      reader.onerror = function () { failed(reader.error); };
      reader.readAsDataURL(blob);
    });
  }

  /* ---- the picture ----------------------------------------------------------------------- */
  function compose(what) {
    /* title, value, drawing, legend, source line: from the top */
    var width = Math.max(what.width || 0, 560), parts = [], y = PAD, inner = width - 2 * PAD, all = what.title + what.line + (what.value || "");
    function write(text, px, color, weight) {
      wrapped(text, px, weight || 400, inner).forEach(function (line) {
        y += px * 1.35;
        parts.push('<text x="' + PAD + '" y="' + (y - px * 0.3).toFixed(1) + '" font-size="' + px + '" font-weight="' + (weight || 400) + '" fill="' + token(color) + '">' + escaped(line) + "</text>");
      });
    }
    write(what.title, 17, "ink", 700);
    if (what.value) { y += 4; write(what.value, 34, "ink"); }
    if (what.drawing) {
      y += 8;
      parts.push('<g transform="translate(' + (width - what.width) / 2 + "," + y.toFixed(1) + ')">' + what.drawing + "</g>");
      y += what.height + 6;
    }
    (what.legend || []).forEach(function (item) {
      all += item.words;
      y += 18;
      parts.push('<rect x="' + PAD + '" y="' + (y - 12).toFixed(1) + '" width="20" height="12" fill="' + item.fill + '" stroke="' + token("line-strong") + '" stroke-width="0.6"/><text x="' + (PAD + 28) + '" y="' + (y - 2).toFixed(1) + '" font-size="12" fill="' + token("ink-2") + '">' + escaped(item.words) + "</text>");
    });
    y += 6;
    parts.push('<path d="M' + PAD + " " + y.toFixed(1) + "H" + (width - PAD) + '" stroke="' + token("line-strong") + '"/>');
    y += 4;
    [what.line].concat(what.notes || []).forEach(function (line) { all += line; write(line, 12, "ink-2"); });
    y += PAD / 2;
    return fontFaces(all).then(function (style) {
      return { width: width, height: Math.ceil(y), text: '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="' + width + '" height="' + Math.ceil(y) + '" viewBox="0 0 ' + width + " " + Math.ceil(y) + '" role="img" aria-label="' + escaped(what.title + " " + (what.value || "") + " " + what.line) + '">'
        + "<title>" + escaped(what.title) + "</title><desc>" + escaped(what.line) + "</desc>" + style
        + '<rect width="100%" height="100%" fill="' + token("bg") + '"/>' + parts.join("") + "</svg>" };
    });
  }

  function asPng(picture) {
    return new Promise(function (done, failed) {
      var image = new Image();
      image.onload = function () {
        var canvas = document.createElement("canvas");
        canvas.width = picture.width * SCALE;
        canvas.height = picture.height * SCALE;
        var context = canvas.getContext("2d");
        context.scale(SCALE, SCALE);
        context.drawImage(image, 0, 0);
        URL.revokeObjectURL(image.src);
        canvas.toBlob(function (blob) { return blob ? done(blob) : failed(new Error("png")); }, "image/png");
      };
      image.onerror = function () { failed(new Error("svg")); };
      image.src = URL.createObjectURL(new Blob([picture.text], { type: "image/svg+xml" }));
    });
  }

  function save(blob, name) {
    var link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.dataset.native = "true";
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 10000);
  }

  /* ---- what is drawn --------------------------------------------------------------------- */
  /* the box of buttons, and what its chart or figure says of itself: at a chart the line of words, in the drawer the box */
  function toolsOf(button) { return button.closest(".chart-tools, [data-title]"); }
  function said(tools) { return (tools.querySelector(".chart-says") || tools).dataset; }

  function plotOf(tools) {
    var box = document.getElementById(tools.dataset.graph);
    return box && (box.matches(".js-plotly-plot") ? box : box.querySelector(".js-plotly-plot"));
  }

  function mapOf(plot) { var sub = plot._fullLayout && plot._fullLayout.map && plot._fullLayout.map._subplot; return sub && sub.map; }

  function mapPicture(map) {
    /* the buffer of a WebGL canvas is readable only in the moment it was drawn in */
    map.redraw();
    return map.getCanvas().toDataURL("image/png");
  }

  function drawn(tools) {
    var plot = plotOf(tools);
    if (!plot) { return Promise.resolve({}); }
    var size = plot.getBoundingClientRect(), width = Math.round(size.width), height = Math.round(size.height), map = mapOf(plot);
    if (map) {
      return Promise.resolve({ width: width, height: height,
        drawing: '<image width="' + width + '" height="' + height + '" href="' + mapPicture(map) + '"/>' });
    }
    width = Math.max(width, 860);
    height = Math.max(height, 380);
    return window.Plotly.toImage(plot, { format: "svg", width: width, height: height }).then(function (url) {
      return { width: width, height: height, drawing: decodeURIComponent(url.replace(/^data:image\/svg\+xml,/, "")).replace(/^<\?xml[^>]*>/, "") };
    });
  }

  function stripOf(tools) {
    /* the strip of the figure the drawer was opened from, with the colours the page gives it */
    var watch = tools.querySelector("[data-watch]"), key = watch && watch.dataset.watch;
    var strip = key && document.querySelector('#page [data-figure^="' + CSS.escape(key + "|") + '"] svg.strip');
    if (!strip || !strip.children.length) { return null; }
    var copy = strip.cloneNode(true), from = strip.querySelectorAll("*"), box = strip.getBoundingClientRect(), width = 512, k = width / box.width;
    copy.querySelectorAll("*").forEach(function (element, i) {
      var style = getComputedStyle(from[i]);
      ["fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin", "opacity"].forEach(function (name) { element.setAttribute(name, style.getPropertyValue(name)); });
    });
    copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
    copy.setAttribute("width", box.width);
    copy.setAttribute("height", box.height);
    return { width: width, height: box.height * k, drawing: '<g transform="scale(' + k.toFixed(3) + ')">' + new XMLSerializer().serializeToString(copy) + "</g>" };
  }

  function surroundings(tools) {
    /* a map says its classes, its approval number and whose drawing it is */
    var panel = tools.closest(".map-panel, .area-map");
    if (!panel) { return {}; }
    var legend = Array.prototype.map.call(panel.querySelectorAll(".legend li"), function (item) {
      var swatch = item.querySelector(".swatch");
      return swatch && { fill: getComputedStyle(swatch).backgroundColor, words: (swatch.textContent + " " + item.textContent.slice(swatch.textContent.length)).trim() };
    }).filter(Boolean);
    var notes = Array.prototype.map.call(panel.querySelectorAll(".map-notes > *"), function (note) { return note.textContent.trim(); }).filter(Boolean);
    return { legend: legend, notes: notes.length ? [notes.join(" · ")] : [] };
  }

  function picture(tools, kind) {
    var around = tools.dataset.graph ? surroundings(tools) : {}, about = said(tools);
    return (tools.dataset.graph ? drawn(tools) : Promise.resolve(stripOf(tools) || {})).then(function (what) {
      what.title = about.title;
      what.line = about.line;
      what.value = tools.dataset.value;
      what.legend = around.legend;
      what.notes = around.notes;
      return compose(what);
    }).then(function (made) {
      return kind === "svg" ? new Blob([made.text], { type: "image/svg+xml" }) : asPng(made);
    }).then(function (blob) { save(blob, about.file + "." + kind); });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-do^=picture-]");
    if (!button) { return; }
    var tools = toolsOf(button), menu = button.closest("details.chart-menu");
    button.disabled = true;
    picture(tools, button.dataset.do.slice(8)).catch(function (error) { button.title = error.message; console.error(error); }).finally(function () {
      button.disabled = false;
      if (menu) { menu.open = false; }
    });
  });

  function csvCell(value) {
    var text = value === null || value === undefined ? "" : String(value);
    /* a text that a spreadsheet would take for a formula is quoted as text */
    if (typeof value !== "number" && /^[=+\-@\t\r]/.test(text)) { text = "'" + text; }
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-do=table-csv]"), tools = button && toolsOf(button);
    var plot = tools && plotOf(tools);
    if (!plot) { return; }
    var found = rowsOf(plot), when = tools.querySelector(".chart-table-body"), about = said(tools).title + " · " + said(tools).line;
    var lines = [[when ? when.dataset.when : ""].concat(found.heads, [""])].concat(found.rows.map(function (row) { return row.concat([about]); }));
    save(new Blob(["\ufeff" + lines.map(function (row) { return row.map(csvCell).join(","); }).join("\r\n") + "\r\n"], { type: "text/csv" }), said(tools).file + ".csv");
  });

  /* ---- the table behind a chart ------------------------------------------------------------ */
  function shown(value) {
    if (value === null || value === undefined || value === "") { return "—"; }
    return typeof value === "number" ? String(Math.round(value * 1e6) / 1e6) : String(value).replace("T", " ");
  }

  function areasOf(trace) {
    return trace.locations.map(function (location, i) { return [trace.customdata ? trace.customdata[i] : location, trace.text ? trace.text[i] : trace.z[i]]; });
  }

  function rowsOf(plot) {
    var filled = plot.data.filter(function (trace) { return trace.locations && trace.locations.length; })[0];
    if (filled) { return { heads: [], rows: areasOf(filled).map(function (row) { return row.map(function (cell) { return Array.isArray(cell) ? cell[0] : cell; }); }) }; }
    var lines = plot.data.filter(function (trace) { return trace.hoverinfo !== "skip" && trace.x && trace.x.length; }), at = new Map();
    lines.forEach(function (trace, n) {
      Array.prototype.forEach.call(trace.x, function (x, i) {
        if (!at.has(x)) { at.set(x, lines.map(function () { return null; })); }
        at.get(x)[n] = trace.y[i];
      });
    });
    var rows = Array.from(at.entries()).sort(function (a, b) { return a[0] < b[0] ? 1 : -1; }).map(function (row) { return [row[0]].concat(row[1]); });
    return { heads: lines.map(function (trace) { return trace.name || ""; }), rows: rows };
  }

  function fill(details) {
    var body = details.querySelector(".chart-table-body"), tools = details.closest(".chart-tools"), plot = tools && plotOf(tools);
    if (!body || !plot || !plot.data) { return; }
    var found = rowsOf(plot), table = document.createElement("table");
    details.rowsOf = plot.data;
    function row(tag, cells) {
      var line = document.createElement("tr");
      cells.forEach(function (cell, i) {
        var element = document.createElement(tag === "th" || i === 0 ? "th" : "td");
        element.scope = tag === "th" ? "col" : "row";
        element.textContent = tag === "th" ? cell : shown(cell);
        line.append(element);
      });
      return line;
    }
    table.createCaption().className = "is-hidden";
    if (found.heads.length) { table.createTHead().append(row("th", [body.dataset.when].concat(found.heads))); }
    var rest = table.createTBody();
    found.rows.forEach(function (cells) { rest.append(row("td", cells)); });
    body.replaceChildren(table);
  }
  document.addEventListener("toggle", function (event) {
    if (event.target.open && event.target.classList.contains("chart-table")) { fill(event.target); }
  }, true);
  /* an open table follows its chart: every drawing brings data of its own */
  setInterval(function () {
    document.querySelectorAll(".chart-table[open]").forEach(function (details) {
      var tools = details.closest(".chart-tools"), plot = tools && plotOf(tools);
      if (plot && plot.data && plot.data !== details.rowsOf) { fill(details); }
    });
  }, 1000);
  window.cityBrainExport = { mapOf: mapOf, mapPicture: mapPicture };
})();
