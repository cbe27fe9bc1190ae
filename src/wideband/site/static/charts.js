// Values under the pointer and by arrow keys, and spans to pick, for charts over time (`data-chart`).
const SVG = "http://www.w3.org/2000/svg";
const DRAG = 6; // pixels before a press becomes a span

const make = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

// A finger's values stay until it is put elsewhere.
document.addEventListener("pointerdown", (event) => {
  for (const svg of document.querySelectorAll("svg[data-at]"))
    if (!svg.contains(event.target) && svg !== document.activeElement) svg.dispatchEvent(new Event("chart:hide"));
});

export function drawCharts(root) {
  for (const svg of root.querySelectorAll("svg[data-chart]")) if (!svg.dataset.drawn) draw(svg);
}

function draw(svg) {
  svg.dataset.drawn = "";
  const figure = svg.closest("figure");
  const table = figure?.querySelector(".behind table");
  if (!table) return;
  const starts = svg.dataset.starts.split(" ").map(Number);
  const [left, right] = [Number(svg.dataset.x0), Number(svg.dataset.x1)];
  const [wide, tall] = [(right - left) / starts.length, svg.viewBox.baseVal.height];
  const zooms = "zooms" in figure.dataset;
  // The bars' own tooltips would cover ours.
  svg.querySelectorAll("[data-i] title").forEach((title) => title.remove());
  const head = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
  const rows = [...table.tBodies[0].rows].reverse(); // the table tells the latest first
  const keys = new Map([...figure.querySelectorAll(".legend li")].map((item) => [item.querySelector(".name")?.textContent, item.querySelector(".key")?.className]));
  const line = make("line", { class: "cross", y1: 0, y2: tall, visibility: "hidden" });
  const span = make("rect", { class: "span", y: 0, height: tall, visibility: "hidden" });
  svg.append(span, line);
  const tip = Object.assign(document.createElement("div"), { className: "tip", hidden: true });
  const said = Object.assign(document.createElement("p"), { className: "aloud", ariaLive: "polite" });
  svg.parentElement.append(tip);
  figure.append(said);
  let shown = -1;
  let from = null; // the bar where a span begins

  const barAt = (event) => {
    const box = svg.getBoundingClientRect();
    return Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * starts.length), 0), starts.length - 1);
  };

  const show = (index) => {
    shown = index;
    svg.dataset.at = index;
    const middle = left + (index + 0.5) * wide;
    line.setAttribute("x1", middle);
    line.setAttribute("x2", middle);
    line.setAttribute("visibility", "visible");
    const cells = [...rows[index].cells].map((cell) => cell.textContent);
    const list = cells.slice(1).map((value, column) => ({ name: head[column + 1], value }));
    const some = list.length > 6 ? list.filter(({ value }) => value !== "-" && value !== "0" && value !== "$0") : list;
    tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: cells[0] }), ...some.map(entry));
    tip.hidden = false;
    place(middle);
  };

  const entry = ({ name, value }) => {
    const row = document.createElement("span");
    const key = Object.assign(document.createElement("i"), { className: keys.get(name) ?? "key blank" });
    row.append(key, Object.assign(document.createElement("span"), { textContent: name }), Object.assign(document.createElement("em"), { textContent: value }));
    return row;
  };

  const place = (middle) => {
    const [box, around] = [svg.getBoundingClientRect(), svg.parentElement.getBoundingClientRect()];
    const x = box.left - around.left + ((middle - left) / (right - left)) * box.width;
    const beside = x + 14 + tip.offsetWidth <= around.width ? x + 14 : x - 14 - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(beside, around.width - tip.offsetWidth))}px`;
    tip.style.top = `${box.top - around.top + 4}px`;
  };

  const hide = () => {
    shown = -1;
    delete svg.dataset.at;
    tip.hidden = true;
    line.setAttribute("visibility", "hidden");
  };

  const mark = (one, other) => {
    const [first, end] = [Math.min(one, other), Math.max(one, other) + 1];
    span.setAttribute("x", left + first * wide);
    span.setAttribute("width", (end - first) * wide);
    span.setAttribute("visibility", "visible");
  };

  const drop = () => {
    from = null;
    span.setAttribute("visibility", "hidden");
    release();
  };

  const pick = (one, other) => {
    const [first, end] = [Math.min(one, other), Math.max(one, other) + 1];
    const to = end < starts.length ? starts[end] : Number(svg.dataset.end);
    zoom(starts[first], to);
  };

  svg.addEventListener("pointermove", (event) => {
    const index = barAt(event);
    if (index !== shown) show(index);
    if (from && (from.moved ||= Math.abs(event.clientX - from.x) > DRAG)) mark(from.index, index);
  });
  svg.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && !from && document.activeElement !== svg && hide());
  svg.addEventListener("chart:hide", hide);
  svg.addEventListener("focus", () => shown < 0 && svg.matches(":focus-visible") && move(starts.length - 1));
  svg.addEventListener("blur", () => (hide(), drop()));
  svg.addEventListener("chart:show", (event) => show(Math.min(event.detail, starts.length - 1)));
  svg.addEventListener("keydown", (event) => keydown(event));

  const move = (index) => {
    show(index);
    said.textContent = tip.innerText.replaceAll("\n", " ");
  };

  const keydown = (event) => {
    const last = starts.length - 1;
    const to = { ArrowLeft: shown - 1, ArrowRight: shown + 1, Home: 0, End: last, PageUp: shown - 10, PageDown: shown + 10 }[event.key];
    if (to !== undefined) {
      const index = Math.min(Math.max(to, 0), last);
      if (zooms && event.shiftKey) {
        from ??= { index: Math.max(shown, 0), x: 0, moved: true };
        hold();
        mark(from.index, index);
      }
      move(index);
      event.preventDefault();
    } else if (event.key === "Enter" && from) {
      pick(from.index, shown);
    } else if (event.key === "Escape") {
      if (from) drop();
      else if (zooms) zoomOut();
    }
  };

  if (!zooms) return;
  svg.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    from = { index: barAt(event), x: event.clientX, moved: false };
    hold();
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointerup", (event) => {
    const begun = from;
    drop();
    if (begun?.moved) pick(begun.index, barAt(event));
    else if (event.pointerType !== "mouse") show(barAt(event));
  });
  svg.addEventListener("pointercancel", drop);
  svg.addEventListener("dblclick", zoomOut);
}

const hold = () => (document.documentElement.dataset.busy = "true");
const release = () => {
  delete document.documentElement.dataset.busy;
  document.dispatchEvent(new Event("live:release"));
};

const iso = (at) => new Date(at * 1000).toISOString().slice(0, 16) + "Z";

function zoom(from, to) {
  // Nothing shorter can be asked for.
  if (to - from < 300) from = to - 300;
  const next = new URL(location.href);
  next.searchParams.delete("period");
  next.searchParams.set("from", iso(from));
  next.searchParams.set("to", iso(Math.ceil(to / 60) * 60));
  location.assign(next);
}

function zoomOut() {
  const next = new URL(location.href);
  if (!next.searchParams.has("from")) return;
  for (const name of ["from", "to"]) next.searchParams.delete(name);
  location.assign(next);
}
