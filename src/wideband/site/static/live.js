// Renews the parts marked `data-live`: asks for this page again and exchanges what differs.
const LEAST_MS = 2000; // between two renewals
const ANYWAY_MS = 60_000; // figures age even when nothing is shipped
const ALONE_MS = 20_000; // where `/live` cannot be had

const parts = (root) => [...root.querySelectorAll("[data-live]")].filter((part) => part.id);
const button = document.querySelector("[data-live-switch]");

let paused = false;
let waiting = false; // something is new and not shown yet
let busy = false;
let last = 0;
let dress = () => {};

// A reader who selects text, picks a span, fills in a form of the part or sorts a table is not disturbed.
const held = () => {
  const selection = getSelection();
  const selects = selection && !selection.isCollapsed && parts(document).some((part) => part.contains(selection.anchorNode));
  const types = document.activeElement?.closest("[data-live] :is(input, select, textarea)");
  return document.hidden || paused || selects || types || document.documentElement.dataset.busy === "true";
};

export function keepLive(afterwards) {
  if (!parts(document).length) return;
  dress = afterwards;
  say("on");
  button?.addEventListener("click", () => {
    paused = !paused;
    say(paused ? "off" : "on");
    if (!paused) renew();
  });
  document.addEventListener("visibilitychange", seen);
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && seen());
  for (const event of ["selectionchange", "pointerup", "focusout"])
    document.addEventListener(event, () => waiting && renew());
  document.addEventListener("live:release", () => waiting && renew());
  listen();
  setInterval(renew, ANYWAY_MS);
}

// Only while the page is seen: a browser has few connections to one server, and each of these holds one.
let events = null;
let alone = 0;

function listen() {
  if (events || document.hidden) return;
  // Who is not signed in (the status page may be public) is not told, and asks now and then.
  if (button?.dataset.alone !== undefined) return void (alone ||= setInterval(renew, ALONE_MS));
  const mine = (events = new EventSource("/live"));
  let before = false;
  mine.addEventListener("records", renew);
  mine.addEventListener("hello", () => {
    if (before) renew(); // something may have come while nobody listened
    before = true;
    if (!paused) say("on");
  });
  mine.onerror = () => {
    // The browser comes back by itself, unless it was refused; then the page asks now and then.
    if (mine.readyState === EventSource.CLOSED) alone ||= setInterval(renew, ALONE_MS);
    else if (!paused) say("lost");
  };
}

function leave() {
  events?.close();
  events = null;
}

function seen() {
  if (document.hidden) return leave();
  listen();
  renew();
}

const STATES = {
  on: ["Live", "This page renews itself. Pause"],
  off: ["Paused", "This page stays as it is. Go on"],
  lost: ["Offline", "The server does not answer; this page renews itself when it does. Pause"],
};

function say(state) {
  if (!button) return;
  const [text, label] = STATES[state];
  button.hidden = false;
  button.dataset.state = state;
  button.textContent = text;
  button.title = label;
  button.setAttribute("aria-label", `${text}. ${label}`);
}

async function renew() {
  waiting = true;
  if (busy || held()) return;
  const rest = last + LEAST_MS - performance.now();
  if (rest > 0) {
    busy = true;
    setTimeout(() => ((busy = false), renew()), rest);
    return;
  }
  busy = true;
  waiting = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    // Signed out, or gone: what is shown stays.
    const text = answer.ok && !answer.redirected ? await answer.text() : "";
    if (text && held()) waiting = true;
    else if (text) exchange(new DOMParser().parseFromString(text, "text/html"));
    if (!paused) say(answer.ok ? "on" : "lost");
  } catch {
    if (!paused) say("lost");
  }
  last = performance.now();
  busy = false;
  if (waiting) renew();
}

function exchange(page) {
  const old = parts(document);
  const fresh = new Map(parts(page).map((part) => [part.id, part]));
  if (fresh.size !== old.length || old.some((part) => !fresh.has(part.id))) {
    // Another page stands at this address now: the first request came.
    const main = document.querySelector("main");
    main.replaceChildren(...page.querySelector("main").childNodes);
    dress(main);
    return;
  }
  for (const part of old) {
    const next = fresh.get(part.id);
    // What scripts added is not in the text that came; so it is compared with what came last.
    if (same(part) !== next.innerHTML) swap(part, next);
  }
}

const came = new WeakMap();
for (const part of parts(document)) came.set(part, part.innerHTML);
const same = (part) => came.get(part) ?? part.innerHTML;

function swap(part, next) {
  const text = next.innerHTML;
  const keep = remember(part);
  const known = new Set([...part.querySelectorAll("tbody tr")].map(rowName));
  part.className = next.className;
  part.replaceChildren(...next.childNodes);
  came.set(part, text);
  dress(part);
  keep();
  if (!known.size) return;
  for (const row of part.querySelectorAll("[data-rows] tbody tr, .log tbody tr"))
    if (!known.has(rowName(row))) row.classList.add("fresh");
}

const rowName = (row) => row.querySelector("a")?.getAttribute("href") ?? row.textContent;

// A way to an element that the renewed part has again: its place among its like.
const like = (element) => {
  const name = element.localName + (element.classList.length ? "." + [...element.classList].map(CSS.escape).join(".") : "");
  return element.getAttribute("href") ? `${name}[href="${CSS.escape(element.getAttribute("href"))}"]` : name;
};

function remember(part) {
  const place = (element) => {
    const selector = like(element);
    const index = [...part.querySelectorAll(selector)].indexOf(element);
    return () => part.querySelectorAll(selector)[index];
  };
  const focused = part.contains(document.activeElement) ? place(document.activeElement) : null;
  const charts = [...part.querySelectorAll("svg[data-chart]")].map((svg) => svg.dataset.at);
  const open = [...part.querySelectorAll("details")].map((details) => details.open);
  const typed = [...part.querySelectorAll("input[data-search]")].map((input) => input.value);
  const scrolled = [...part.querySelectorAll("*")]
    .filter((element) => element.scrollLeft || element.scrollTop)
    .map((element) => [place(element), element.scrollLeft, element.scrollTop]);
  return () => {
    part.querySelectorAll("details").forEach((details, index) => (details.open = open[index] ?? details.open));
    part.querySelectorAll("input[data-search]").forEach((input, index) => {
      input.value = typed[index] ?? "";
      input.dispatchEvent(new Event("input"));
    });
    for (const [find, left, top] of scrolled) find()?.scrollTo({ left, top, behavior: "instant" });
    focused?.()?.focus({ preventScroll: true });
    part.querySelectorAll("svg[data-chart]").forEach((svg, index) => {
      if (charts[index] !== undefined) svg.dispatchEvent(new CustomEvent("chart:show", { detail: Number(charts[index]) }));
    });
  };
}
