"use strict";
// Decisions by hash: person, no or unsure, and what detectors found, as "person faces 0.93". The
// browser keeps them in buckets by the first two digits of the hash, whatever the pages are.
const { audit, marked } = document.body.dataset;
const PREFIX = `pass-audit/${audit}/`;
const $ = (id) => document.getElementById(id);
const cards = [...document.querySelectorAll("#cards > li")];
const byHash = new Map(cards.map((card) => [card.dataset.hash, card]));
const past = []; // decisions before the last ones, for undo
const unkept = new Map(); // what the browser refused to keep
let decisions = new Map(), current = null, drawn = null;

function warn(text) {
  $("warning").textContent = text;
  $("warning").hidden = !text;
}

function bucket(key) {
  return new Map(Object.entries(JSON.parse(localStorage.getItem(key) ?? "{}")));
}

// All decisions of this audit, of every page.
function kept() {
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
    return new Map(keys.flatMap((key) => [...bucket(key)]));
  } catch {
    return new Map();
  }
}

function keep(hash, decision) {
  const key = PREFIX + hash.slice(0, 2);
  if (decision) decisions.set(hash, decision);
  else decisions.delete(hash);
  try {
    const changed = bucket(key);
    if (decision) changed.set(hash, decision);
    else changed.delete(hash);
    localStorage.setItem(key, JSON.stringify(Object.fromEntries(changed)));
  } catch {
    unkept.set(hash, decision);
    warn("This browser does not keep decisions. Save decisions.csv before you close the page.");
  }
}

const word = (decision) => decision?.split(" ", 1)[0];
const visible = () => cards.filter((card) => !card.hidden);

function fits(card) {
  const wanted = $("show").value, decided = word(decisions.get(card.dataset.hash));
  const shown = wanted === "all" || wanted === (decided ?? "undecided");
  return shown && Number(card.dataset.score) >= Number($("least").value) - 1e-9;
}

function filter() {
  $("least-value").textContent = Number($("least").value).toFixed(2);
  const from = cards.indexOf(current);
  for (const card of cards) card.hidden = !fits(card);
  const shown = visible();
  $("none").hidden = shown.length > 0 || cards.length === 0;
  if (!current || current.hidden) {
    select(shown.find((card) => cards.indexOf(card) >= from) ?? shown.at(-1) ?? null);
  } else {
    select(current);
  }
}

function show(card) {
  const decided = word(decisions.get(card.dataset.hash));
  if (decided) card.dataset.decision = decided;
  else delete card.dataset.decision;
}

function count() {
  const here = cards.filter((card) => decisions.has(card.dataset.hash)).length;
  $("progress").value = here;
  const pages = Number(marked) > cards.length ? `, ${decisions.size} of ${marked} on all pages` : "";
  $("count").textContent = `${here} of ${cards.length} decided${pages}`;
}

function crop(image, rect, canvas) {
  const [width, height] = [rect.width.baseVal.value, rect.height.baseVal.value];
  const side = 1.6 * Math.max(width, height, 24), scale = image.naturalWidth / image.width;
  const left = rect.x.baseVal.value + (width - side) / 2;
  const top = rect.y.baseVal.value + (height - side) / 2;
  canvas.width = canvas.height = 224;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(image, left * scale, top * scale, side * scale, side * scale, 0, 0, 224, 224);
}

function select(card) {
  for (const other of cards) {
    if (other !== card) other.firstElementChild.removeAttribute("aria-current");
  }
  $("viewer").hidden = !card;
  current = card;
  if (!card) return;
  card.firstElementChild.setAttribute("aria-current", "true");
  const decided = word(decisions.get(card.dataset.hash));
  for (const button of document.querySelectorAll("[data-decide]")) {
    button.setAttribute("aria-pressed", String(button.dataset.decide === decided));
  }
  const shown = visible();
  $("where").textContent = `${shown.indexOf(card) + 1} of ${shown.length} shown: ${card.dataset.found}`;
  if (card === drawn) return;
  drawn = card;
  $("frame").replaceChildren(card.querySelector(".shot").cloneNode(true));
  $("credit").replaceChildren(...card.querySelector(".credit").cloneNode(true).childNodes);
  const image = new Image(), size = card.querySelector("img");
  $("crops").replaceChildren();
  image.src = size.src;
  image.decode().then(() => {
    if (card !== current) return;
    image.width = size.getAttribute("width");
    const rects = [...card.querySelectorAll("rect")].slice(0, 6);
    $("crops").replaceChildren(...rects.map((rect) => {
      const canvas = document.createElement("canvas");
      crop(image, rect, canvas);
      return canvas;
    }));
  }, () => {});
  card.firstElementChild.scrollIntoView({ block: "nearest" });
}

function move(steps) {
  const shown = visible();
  if (!shown.length) return;
  const place = shown.indexOf(current) + steps;
  select(shown[Math.max(0, Math.min(shown.length - 1, place))]);
}

function set(hash, decision) {
  keep(hash, decision);
  show(byHash.get(hash));
  count();
}

function decide(choice) {
  if (!current) return;
  const card = current, { hash, found } = card.dataset;
  const after = choice && visible()[visible().indexOf(card) + 1];
  past.push([hash, decisions.get(hash)]);
  set(hash, choice && `${choice} ${found}`);
  filter();
  if (after) select(after);
}

function undo() {
  const last = past.pop();
  if (!last) return;
  set(...last);
  $("show").value = "all";
  filter();
  select(byHash.get(last[0]));
}

function cell(text) {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function save(name, rows) {
  const text = rows.map((row) => row.map(cell).join(",") + "\n").join("");
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

function sorted() {
  return [...decisions].sort(([one], [other]) => (one < other ? -1 : 1));
}

function saveRemovals() {
  const wanted = $("with-unsure").checked ? ["person", "unsure"] : ["person"];
  const rows = sorted().filter(([, decision]) => wanted.includes(word(decision)));
  save("removals.csv", [["hash", "action", "reason"], ...rows.map(([hash, decision]) =>
    [hash, "remove", `${word(decision)} (${decision.slice(word(decision).length + 1)})`])]);
}

function saveDecisions() {
  const rows = sorted().map(([hash, decision]) =>
    [hash, word(decision), decision.slice(word(decision).length + 1)]);
  save("decisions.csv", [["hash", "decision", "detections"], ...rows]);
}

async function load(file) {
  const lines = (await file.text()).split(/\r?\n/).filter((line) => line);
  const rows = lines.slice(1).map((line) => /^([0-9a-f]{16,32}),(person|no|unsure)(?:,(.*))?$/.exec(line));
  if (!lines[0]?.startsWith("hash,decision") || rows.includes(null)) {
    warn(`${file.name}: expected lines "hash,decision,detections" as decisions.csv has them. Nothing was loaded.`);
  } else {
    for (const [, hash, choice, found] of rows) {
      const what = found?.startsWith('"') ? found.slice(1, -1).replaceAll('""', '"') : found;
      keep(hash, `${choice} ${what ?? ""}`.trim());
    }
    refresh();
  }
  $("save").close();
}

// Takes what the browser has kept, of other tabs as well.
function refresh() {
  decisions = kept();
  for (const [hash, decision] of unkept) {
    if (decision) decisions.set(hash, decision);
    else decisions.delete(hash);
  }
  cards.forEach(show);
  count();
  filter();
}

function summarize() {
  const all = sorted().map(([, decision]) => word(decision));
  const of = (choice) => all.filter((each) => each === choice).length;
  const left = Number(marked) - all.length;
  $("summary").textContent = `${of("person")} with a person, ${of("no")} without, ${of("unsure")} unsure, ${left} undecided.`;
  $("save").showModal();
}

const KEYS = {
  p: () => decide("person"), n: () => decide("no"), u: () => decide("unsure"), x: () => decide(null),
  z: undo, j: () => move(1), k: () => move(-1), arrowright: () => move(1), arrowleft: () => move(-1),
  home: () => move(-Infinity), end: () => move(Infinity), s: summarize,
  b: () => document.body.classList.toggle("no-boxes"), "?": () => $("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, select");
  const action = KEYS[event.key.toLowerCase()];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]") || (typing && event.key.length > 1)) return;
  event.preventDefault();
  action();
});
for (const card of cards) card.firstElementChild.addEventListener("click", () => select(card));
for (const button of document.querySelectorAll("[data-decide]")) {
  button.addEventListener("click", () => decide(button.dataset.decide));
}
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
$("open-save").addEventListener("click", summarize);
$("open-help").addEventListener("click", () => $("help").showModal());
$("save-removals").addEventListener("click", saveRemovals);
$("save-decisions").addEventListener("click", saveDecisions);
$("load").addEventListener("change", () => load($("load").files[0]));
$("least").addEventListener("input", filter);
$("show").addEventListener("change", () => { filter(); $("show").blur(); });
addEventListener("storage", (event) => { if (event.key?.startsWith(PREFIX)) refresh(); });
refresh();
const first = visible().find((card) => !decisions.has(card.dataset.hash));
if (first) select(first);
