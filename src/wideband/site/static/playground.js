// Several models answer at once, each in its column, as their words come.
const form = document.getElementById("playground");
const message = form.elements.message;
const [send] = form.querySelectorAll("button.primary");
const stop = form.querySelector("[data-stop]");
const add = form.querySelector("[data-add]");
const said = form.querySelector("[data-said]");
const sides = () => [...form.querySelectorAll("[data-side]")];
let running = null;

const part = (side, name) => side.querySelector(name);
const short = (value, digits = 3) => Number(value.toPrecision(digits)).toString();

function turn(side, role) {
  const box = document.createElement("div");
  box.className = `turn ${role}`;
  const label = document.createElement("span");
  label.className = "note";
  label.textContent = role;
  box.append(label);
  part(side, "[data-log]").append(box);
  return box;
}

function grown(box, kind, text) {
  let place = box.querySelector(`:scope > .${kind}`);
  if (!place) {
    place = document.createElement(kind === "words" ? "p" : "pre");
    place.className = kind;
    box.append(place);
  }
  place.textContent += text;
}

function fail(side, text) {
  const box = document.createElement("p");
  box.className = "said bad";
  box.setAttribute("role", "alert");
  box.textContent = text;
  part(side, "[data-log]").append(box);
}

// Events of one answer, cut out of the stream.
async function* events(body) {
  let rest = "";
  for await (const text of body.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const data = line.startsWith("data:") ? line.slice(5).trim() : "";
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

function take(answer, chunk, box) {
  answer.provider = chunk.provider ?? answer.provider;
  answer.usage = chunk.usage ?? answer.usage;
  if (chunk.error) answer.error = chunk.error.message;
  const delta = chunk.choices?.[0]?.delta ?? {};
  const thought = delta.reasoning ?? delta.reasoning_content;
  if ((thought || delta.content || delta.tool_calls) && !answer.first) answer.first = performance.now();
  if (thought) grown(box, "thought", thought);
  if (delta.content) {
    answer.content += delta.content;
    grown(box, "words", delta.content);
  }
  for (const call of delta.tool_calls ?? []) {
    const known = (answer.calls[call.index] ??= { id: "", type: "function", function: { name: "", arguments: "" } });
    known.id = call.id ?? known.id;
    known.function.name += call.function?.name ?? "";
    known.function.arguments += call.function?.arguments ?? "";
    grown(box, `call${call.index}`, (call.function?.name ? `${call.function.name} ` : "") + (call.function?.arguments ?? ""));
  }
  answer.finish = chunk.choices?.[0]?.finish_reason ?? answer.finish;
}

function figures(side, answer, id) {
  const words = [answer.provider, answer.finish];
  const waited = answer.first && answer.first - answer.began;
  if (waited) words.push(`first word after ${short(waited)} ms`);
  if (answer.usage) {
    const { prompt_tokens: asked, completion_tokens: told, cost } = answer.usage;
    const seconds = (performance.now() - answer.began) / 1000;
    if (told && seconds) words.push(`${short(told / seconds)} tokens/s`);
    words.push(`${asked} in, ${told} out`);
    if (cost != null) words.push(`$${cost}`);
  }
  const place = part(side, "[data-figures]");
  place.textContent = words.filter(Boolean).join(" · ") + " ";
  if (id) {
    const link = document.createElement("a");
    link.href = `/log/${id}`;
    link.textContent = "request";
    place.append(link);
  }
}

async function ask(side, fields, signal) {
  const history = part(side, "[name=history]");
  const body = new URLSearchParams(fields);
  body.set("model", part(side, "[name=model]").value);
  body.set("history", history.value);
  const before = history.value ? JSON.parse(history.value) : [];
  grown(turn(side, "user"), "words", body.get("message"));
  part(side, "[data-figures]").textContent = "waiting for the first word";
  const answer = { began: performance.now(), content: "", calls: [] };
  let id = null;
  try {
    const response = await fetch("/playground/stream", { method: "POST", body, signal });
    id = response.headers.get("x-generation-id");
    if (!response.ok) {
      const text = await response.text();
      const shown = response.headers.get("content-type")?.includes("json") && JSON.parse(text).error.message;
      throw new Error(shown || new DOMParser().parseFromString(text, "text/html").querySelector("main p")?.textContent);
    }
    const box = turn(side, "assistant");
    for await (const chunk of events(response.body)) take(answer, chunk, box);
  } catch (error) {
    answer.error = error.name === "AbortError" ? "Stopped." : error.message;
  }
  if (answer.error) fail(side, answer.error);
  figures(side, answer, id);
  const reply = { role: "assistant", content: answer.content || null };
  if (answer.calls.length) reply.tool_calls = answer.calls.filter(Boolean);
  if (answer.content || answer.calls.length) {
    history.value = JSON.stringify([...before, { role: "user", content: body.get("message") }, reply]);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const chosen = sides().filter((side) => part(side, "[name=model]").value.trim());
  if (!chosen.length || running) {
    said.textContent = running ? "Answers are still coming." : "Choose a model first.";
    return;
  }
  running = new AbortController();
  const fields = [...new FormData(form)].filter(([name]) => name !== "model" && name !== "history");
  send.disabled = true;
  stop.hidden = false;
  said.textContent = "Asking";
  message.value = "";
  await Promise.all(chosen.map((side) => ask(side, fields, running.signal)));
  running = null;
  send.disabled = false;
  stop.hidden = true;
  said.textContent = "All answers are there.";
  message.focus();
});

stop.addEventListener("click", () => running?.abort());
message.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) form.requestSubmit();
});

// Empty columns are for pages without scripts; here they come when they are asked for.
const spare = () => sides().find((side) => side.hidden);
function settle() {
  add.hidden = !spare();
  const shown = sides().filter((side) => !side.hidden);
  for (const side of shown) part(side, "[data-drop]").hidden = shown.length === 1;
}
for (const side of sides()) {
  side.hidden = side.hasAttribute("data-spare");
  part(side, "[data-drop]").addEventListener("click", () => {
    side.hidden = true;
    part(side, "[name=model]").value = "";
    part(side, "[name=history]").value = "";
    part(side, "[data-log]").replaceChildren();
    part(side, "[data-figures]").textContent = "";
    settle();
  });
}
add.addEventListener("click", () => {
  const side = spare();
  side.hidden = false;
  part(side, "[name=model]").focus();
  settle();
});
settle();
