// Theme switch, copy buttons, forms of filters.
const THEMES = ["auto", "light", "dark"];

export function controls(root) {
  if (root === document) themes();
  for (const box of root.querySelectorAll("[data-copy]")) copies(box);
  for (const form of root.querySelectorAll("form[data-filters]")) submits(form);
}

function themes() {
  const button = document.querySelector("[data-theme-switch]");
  if (!button) return;
  const show = () => {
    const theme = document.documentElement.dataset.theme ?? "auto";
    button.replaceChildren(Object.assign(document.createElement("span"), { className: "prefix", textContent: "Theme: " }), theme);
    button.setAttribute("aria-label", `Theme: ${theme}`);
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    const now = document.documentElement.dataset.theme ?? "auto";
    const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
    if (next === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("theme", next);
    } catch {
      // Not kept where storage is forbidden.
    }
    show();
  });
  show();
}

function copies(box) {
  if (box.querySelector("button.copy")) return;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "copy", textContent: "Copy" });
  button.addEventListener("click", async () => {
    const text = box.querySelector("code, pre")?.textContent ?? box.textContent;
    button.textContent = (await copied(text)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => (button.textContent = "Copy"), 1600);
  });
  box.append(button);
}

async function copied(text) {
  // The clipboard is there for secure pages only.
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = Object.assign(document.createElement("textarea"), { value: text, className: "aloud" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function submits(form) {
  if (form.dataset.drawn) return;
  form.dataset.drawn = "";
  // What is left empty has no place in the address.
  form.addEventListener("submit", () => {
    for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
  });
  addEventListener("pageshow", () => [...form.elements].forEach((field) => (field.disabled = false)));
  form.addEventListener("change", (event) => event.target.matches("select, [type=checkbox], [type=radio]") && form.requestSubmit());
}
