// Search of the overview and the form of a module. Everything that comes from a module is set as
// text; addresses are made of keys that hold letters, digits and - . _ only.
"use strict";

const root = document.body.dataset.root;
const PAGE = 50;

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// -- overview ------------------------------------------------------------------------------------

function overview(form) {
  const list = document.getElementById("modules");
  const status = document.getElementById("status");
  const more = document.getElementById("more");
  const pager = document.getElementById("pager");
  const before = { status: status.textContent, cards: [...list.children] };
  const names = ["q", "kind", "input", "output", "tag", "gpu"];
  let loading = null;
  let found = [];
  let typing = false;
  let asked = 0;

  function load() {
    const address = `${root}-/search.json?${document.body.dataset.edition}`;
    loading ??= fetch(address, { cache: "no-cache" }).then((answer) => {
      if (!answer.ok) throw new Error(String(answer.status));
      return answer.json();
    }).then((rows) => rows.map((row) => [row, textOf(row)]));
    loading.catch(() => { loading = null; });
    return loading;
  }

  function textOf(row) {
    return [`${row.namespace}/${row.name}`, row.title, row.text, row.kind, row.author,
      ...row.inputs, ...row.outputs, ...row.tags].join("\n").toLowerCase();
  }

  function wishes() {
    const data = new FormData(form);
    return new Map(names.map((name) => [name, (data.get(name) || "").trim()]).filter(([, value]) => value));
  }

  function fits(row, text, wanted, words) {
    return words.every((word) => text.includes(word)) &&
      (!wanted.has("kind") || row.kind === wanted.get("kind")) &&
      (!wanted.has("input") || row.inputs.includes(wanted.get("input"))) &&
      (!wanted.has("output") || row.outputs.includes(wanted.get("output"))) &&
      (!wanted.has("tag") || row.tags.includes(wanted.get("tag"))) &&
      (!wanted.has("gpu") || row.gpu);
  }

  // Whoever has the word in the name comes first.
  function rank(row, words) {
    const name = `${row.namespace}/${row.name} ${row.title}`.toLowerCase();
    return words.every((word) => name.includes(word)) ? 0 : 1;
  }

  async function show() {
    const wanted = wishes();
    const turn = ++asked;
    if (!wanted.size) {
      list.replaceChildren(...before.cards);
      status.textContent = before.status;
      more.hidden = true;
      if (pager) pager.hidden = false;
      return;
    }
    const words = (wanted.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean);
    let rows;
    try {
      rows = await load();
    } catch {
      status.textContent = "The search cannot be loaded: the lists below hold all modules.";
      return;
    }
    if (turn !== asked) return;
    found = rows.filter(([row, text]) => fits(row, text, wanted, words)).map(([row]) => row);
    if (words.length) found.sort((one, other) => rank(one, words) - rank(other, words));
    list.replaceChildren();
    if (pager) pager.hidden = true;
    showMore();
    status.textContent = `${found.length || "No"} of ${rows.length} modules found`;
  }

  function showMore() {
    const shown = list.children.length;
    const cards = found.slice(shown, shown + PAGE).map(card);
    list.append(...cards);
    more.hidden = list.children.length >= found.length;
    return cards[0];
  }

  function card(row) {
    const item = element("li", "card");
    const place = `${root}-/module/${encodeURIComponent(row.key)}/`;
    if (row.picture) {
      const picture = element("img");
      picture.src = place + encodeURIComponent(row.picture);
      picture.alt = "";
      picture.loading = "lazy";
      picture.width = 96;
      picture.height = 72;
      item.append(picture);
    }
    const facts = element("div", "facts");
    const heading = element("h2");
    const link = element("a");
    link.href = `${place}index.html`;
    link.append(element("bdi", "", row.title));
    heading.append(link);
    const name = element("p", "name");
    name.append(element("span", "", `${row.namespace}/${row.name}`), " ", element("span", "version", row.version));
    for (const mark of row.marks) name.append(" ", element("span", "mark", mark));
    facts.append(heading, name);
    if (row.text) {
      const text = element("p", "text");
      text.append(element("bdi", "", row.text));
      facts.append(text);
    }
    const line = element("p", "line");
    const flow = element("span", "flow");
    const arrow = element("span", "arrow");
    arrow.setAttribute("role", "img");
    arrow.setAttribute("aria-label", "to");
    flow.append(...types(row.inputs), arrow, ...types(row.outputs));
    line.append(element("span", `kind ${row.kind}`, row.kind), flow);
    if (row.gpu) line.append(element("span", "gpu", "GPU"));
    for (const tag of row.tags) {
      const said = element("span", "tag");
      said.append(element("bdi", "", tag));
      line.append(said);
    }
    line.append(element("span", "date", row.updated));
    facts.append(line);
    item.append(facts);
    return item;
  }

  function types(words) {
    return words.length ? words.map((word) => element("span", "type", word)) : [element("span", "type none", "nothing")];
  }

  // The address holds what is asked for, so that it can be kept and sent.
  function remember(replace) {
    const query = new URLSearchParams([...wishes()]).toString();
    const address = location.pathname + (query ? `?${query}` : "");
    if (address === location.pathname + location.search) return;
    history[replace ? "replaceState" : "pushState"](null, "", address);
  }

  function recall() {
    const query = new URLSearchParams(location.search);
    for (const name of names) {
      const field = form.elements[name];
      const value = query.get(name) || "";
      if (field.type === "checkbox") {
        field.checked = value === field.value;
        continue;
      }
      if (field.tagName === "SELECT" && value && ![...field.options].some((each) => each.value === value)) {
        field.append(new Option(value, value));
      }
      field.value = value;
    }
    show();
  }

  form.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    const text = event.target.name === "q";
    remember(text && typing);
    typing = text;
    show();
  });
  form.addEventListener("reset", () => setTimeout(() => {
    typing = false;
    remember(false);
    show();
    form.elements.q.focus();
  }));
  form.elements.q.addEventListener("blur", () => { typing = false; });
  more.addEventListener("click", () => showMore()?.querySelector("a").focus());
  window.addEventListener("popstate", () => { typing = false; recall(); });
  recall();
}

// -- form of a module ----------------------------------------------------------------------------

const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;
const READ = {
  integer: (text) => (/^[+-]?\d+$/.test(text) ? Number(text) : fault("Write a whole number.")),
  float: (text) => (NUMBER.test(text) ? Number(text) : fault("Write a number.")),
};

function fault(message) {
  throw new Error(message);
}

function quoted(word) {
  return /^[A-Za-z0-9@%+=:,./_-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;
}

// The value of a field for the job, as the CWL of a module takes it, and its text for the command
// line; null where it is empty.
function valueOf(field) {
  const { type, control } = field.dataset;
  const text = field.value;
  if (!text.trim()) return null;
  if (control === "select") {
    const chosen = field.selectedOptions[0];
    const value = JSON.parse(text);
    return { value: JSON.parse(chosen.dataset.job), text: typeof value === "string" ? value : text };
  }
  if (control === "lines") {
    const value = text.split("\n").filter((line) => line.trim());
    return { value, text: JSON.stringify(value.map(guessed)) };
  }
  if (control === "tuples") {
    const value = text.split("\n").filter((line) => line.trim()).map((line) => line.trim().split(/\s+/));
    return { value, text: JSON.stringify(value.map((words) => words.map(guessed))) };
  }
  if (control === "number") return { value: READ[type](text.trim()), text: text.trim() };
  return { value: text, text };
}

function guessed(line) {
  return NUMBER.test(line.trim()) ? Number(line) : line;
}

function moduleForm(form) {
  const fields = [...form.querySelectorAll("[data-control]")];
  const runLine = document.getElementById("run-line");
  const job = document.getElementById("job");
  const status = document.getElementById("form-status");
  const save = document.getElementById("save");
  const touched = new Set();

  function check(field) {
    let message = "";
    let found = null;
    try {
      found = valueOf(field);
      if (!found && field.required) message = "This is required.";
    } catch (error) {
      message = error.message;
    }
    const shown = touched.has(field) ? message : "";
    field.toggleAttribute("aria-invalid", false);
    if (shown) field.setAttribute("aria-invalid", "true");
    document.getElementById(`${field.id}-fault`).textContent = shown;
    return { field, found, message };
  }

  function refresh() {
    const words = ["mlreef-hooks", "run", form.dataset.module];
    const values = {};
    let wrong = 0;
    for (const { field, found, message } of fields.map(check)) {
      const { control } = field.dataset;
      wrong += Boolean(message);
      if (control === "input" || control === "output") {
        const path = found ? found.text : control.toUpperCase();
        words.push(`--${control}`, path);
        if (control === "input") values["input-path"] = { class: "Directory", location: encodeURI(path) };
      } else if (found && !message) {
        words.push("-p", `${field.name}=${found.text}`);
        values[field.name] = found.value;
      }
    }
    runLine.textContent = words.map(quoted).join(" ");
    job.textContent = JSON.stringify(values, null, 2);
    status.textContent = wrong ? `${wrong} ${wrong === 1 ? "field needs" : "fields need"} a value` : "Ready to run";
  }

  function touch(event) {
    touched.add(event.target);
    refresh();
  }

  form.hidden = false;
  save.hidden = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", touch);
  form.addEventListener("change", touch);
  save.addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([`${job.textContent}\n`], { type: "application/json" }));
    const link = element("a");
    link.href = address;
    link.download = form.dataset.file;
    link.click();
    URL.revokeObjectURL(address);
  });
  refresh();
}

function copyButton(button) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const label = button.firstChild.data;
    try {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.firstChild.data = "Copied";
    } catch {
      button.firstChild.data = "Cannot copy";
    }
    setTimeout(() => { button.firstChild.data = label; }, 2000);
  });
}

const search = document.getElementById("search");
if (search) overview(search);
const use = document.getElementById("use-form");
if (use) moduleForm(use);
document.querySelectorAll("button.copy").forEach(copyButton);
