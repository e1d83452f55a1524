"use strict";
const $ = (id) => document.getElementById(id);
const all = (query, within = document) => [...within.querySelectorAll(query)];
const trouble = $("trouble"), noiseSet = $("noise"), size = noiseSet ? Number(noiseSet.dataset.size) : 0;
let noise = Array(size).fill(0), seed = 0, taken = null;

function tell(message) {
  trouble.textContent = message;
  trouble.hidden = !message;
}

async function ask(path, query, options) {
  let answer;
  try {
    answer = await fetch(path + "?" + new URLSearchParams(query), options);
  } catch {
    throw new Error("The server does not answer: start infot explore again.");
  }
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

// One question at a time for each view: while one is under way only the newest wish is kept.
function follow(draw) {
  let busy = false, again = false;
  return async function go() {
    if (busy) { again = true; return; }
    busy = true;
    try { await draw(); tell(""); } catch (error) { tell(error.message); }
    busy = false;
    if (again) { again = false; go(); }
  };
}

const shown = new WeakMap();
async function picture(path, query, owner, place) {
  const address = URL.createObjectURL(await (await ask(path, query)).blob());
  await place(address);
  if (shown.has(owner)) URL.revokeObjectURL(shown.get(owner));
  shown.set(owner, address);
}
const into = (image) => async (address) => { image.src = address; await image.decode(); };

// --- controls ------------------------------------------------------------------------------------------------------
const codeBoxes = all("[data-code]").sort((a, b) => a.dataset.code - b.dataset.code);
const noiseBoxes = all("[data-noise]");

function number(box) {
  if (box.dataset.kind === "choice") return Number(box.querySelector("input:checked").value);
  const value = Number(box.querySelector("input").value);
  return box.dataset.kind === "dial" ? value * Math.PI / 180 : value;
}

function set(box, value) {
  if (box.dataset.kind === "choice") {
    box.querySelector(`input[value="${Math.round(value)}"]`).checked = true;
    return;
  }
  box.querySelector("input").value = box.dataset.kind === "dial" ? Math.round(value * 180 / Math.PI) : value;
  write(box, box.dataset.kind === "dial" ? undefined : value);
}

function write(box, value) {
  const input = box.querySelector("input");
  const at = value === undefined ? Number(input.value) : value;
  const dial = box.dataset.kind === "dial";
  box.querySelector("output").textContent = dial ? `${at}°` : at.toFixed(2);
  if (!dial) return;
  const x = 50 + 42 * Math.cos(at * Math.PI / 180), y = 50 - 42 * Math.sin(at * Math.PI / 180);
  const hand = box.querySelector(".hand"), knob = box.querySelector(".knob");
  hand.setAttribute("x2", x); hand.setAttribute("y2", y);
  knob.setAttribute("cx", x); knob.setAttribute("cy", y);
}

const code = () => codeBoxes.map(number).map((value) => +value.toFixed(5)).join(",");
const noiseText = () => noise.map((value) => +value.toFixed(4)).join(",");

function setNoise(values) {
  noise = values.slice();
  noiseBoxes.forEach((box) => set(box, noise[box.dataset.noise]));
}

// --- what the code draws -------------------------------------------------------------------------------------------
const one = $("one"), many = $("many"), plane = $("plane");
const drawOne = follow(() => picture("/picture.png", { code: code(), noise: noiseText() }, one, into(one)));
const drawMany = follow(() => picture("/samples.png", { code: code(), seed, n: many.dataset.n }, many, into(many)));
const drawPlane = follow(async () => {
  plane.innerHTML = await (await ask("/plane.svg", { code: code(), noise: noiseText(), seed, n: plane.dataset.n })).text();
});
const faces = all(".choices.pictured").map((box) => follow(() =>
  picture("/choices.png", { code: code(), noise: noiseText(), at: box.dataset.code }, box,
    async (address) => box.style.setProperty("--sheet", `url("${address}")`))));

function drawAll() {
  if (plane) { drawPlane(); return; }
  drawOne(); drawMany(); faces.forEach((draw) => draw());
}
function drawNoise() {
  if (plane) { drawPlane(); return; }
  drawOne(); faces.forEach((draw) => draw());
}

codeBoxes.forEach((box) => box.addEventListener("input", () => {
  if (box.dataset.kind !== "choice") write(box);
  drawAll();
}));
noiseBoxes.forEach((box) => box.addEventListener("input", () => {
  noise[box.dataset.noise] = Number(box.querySelector("input").value);
  write(box);
  drawNoise();
}));

all(".with-dial").forEach((box) => {
  const face = box.querySelector(".dial");
  const turn = (event) => {
    const frame = face.getBoundingClientRect();
    const x = event.clientX - frame.left - frame.width / 2, y = frame.top + frame.height / 2 - event.clientY;
    set(box, Math.atan2(y, x));
    drawAll();
  };
  face.addEventListener("pointerdown", (event) => { face.setPointerCapture(event.pointerId); turn(event); });
  face.addEventListener("pointermove", (event) => { if (face.hasPointerCapture(event.pointerId)) turn(event); });
});

const draws = async (n) => (await ask("/noise", { seed, n })).json();
if (noiseSet) {
  const seedBox = $("seed");
  const anew = follow(async () => { setNoise((await draws(1))[0]); drawAll(); });
  $("anew").addEventListener("click", () => { seed += 1; seedBox.value = seed; anew(); });
  seedBox.addEventListener("change", () => { if (seedBox.checkValidity()) { seed = Number(seedBox.value); anew(); } });
  $("centre").addEventListener("click", () => { setNoise(Array(size).fill(0)); drawNoise(); });
  if (many) many.addEventListener("click", async (event) => {
    const n = Number(many.dataset.n), columns = Number(many.dataset.columns), rows = Math.ceil(n / columns);
    const frame = many.getBoundingClientRect();
    const column = Math.floor((event.clientX - frame.left) / frame.width * columns);
    const row = Math.floor((event.clientY - frame.top) / frame.height * rows);
    try { setNoise((await draws(n))[Math.min(n - 1, row * columns + column)]); drawNoise(); } catch (error) { tell(error.message); }
  });
}
$("controls").addEventListener("submit", (event) => event.preventDefault());

// --- a datum under the plan ----------------------------------------------------------------------------------------
const index = $("index"), canvas = $("canvas");

function show(told) {
  taken = told.code;
  const datum = $("datum"), rebuilt = $("rebuilt"), partners = $("partners"), panel = $("reading-plane");
  if (datum) datum.src = told.datum;
  if (rebuilt) rebuilt.src = told.rebuilt;
  if (panel) panel.innerHTML = told.plane;
  $("words").textContent = told.words;
  $("label").textContent = told.label === null ? "" : ` · label ${told.label}, which the model never saw`;
  $("bars").replaceChildren(...told.blocks.map((block) => {
    const box = document.createElement("div");
    const best = block.shares.indexOf(Math.max(...block.shares));
    box.innerHTML = block.bars;
    const words = document.createElement("p");
    words.className = "soft";
    const name = told.blocks.length > 1 ? `${block.name}: ` : "";
    words.textContent = `${name}${(100 * block.shares[best]).toFixed(1)} % of it goes to ${best}`;
    box.append(words);
    return box;
  }));
  if (partners) partners.replaceChildren(...told.partners.map((partner) => {
    const item = document.createElement("li");
    if (partner.picture) item.append(Object.assign(new Image(), { src: partner.picture, alt: "" }));
    const bar = document.createElement("span");
    bar.className = "mass";
    bar.style.setProperty("--part", `${100 * partner.mass}%`);
    const words = document.createElement("span");
    const share = partner.mass >= 0.0005 ? `${(100 * partner.mass).toFixed(1)} %` : "< 0.1 %";
    words.textContent = `code ${partner.words} · ${share}`;
    item.append(bar, words);
    return item;
  }));
}

const read = follow(async () => show(await (await ask("/reading", { index: index.value })).json()));
let own = null;
const readOwn = follow(async () => {
  const invert = $("invert").checked ? 1 : 0;
  show(await (await ask("/reading", { invert }, { method: "POST", body: own })).json());
});

if (index) {
  $("another").addEventListener("click", () => {
    index.value = Math.floor(Math.random() * (Number(index.max) + 1));
    read();
  });
  index.addEventListener("change", read);
}
if ($("take")) $("take").addEventListener("click", () => {
  if (!taken) return;
  codeBoxes.forEach((box, k) => set(box, taken[k]));
  drawAll();
  $("controls").scrollIntoView({ block: "nearest" });
});

if (canvas) {
  const pen = canvas.getContext("2d");
  const clear = () => { pen.fillStyle = "#000"; pen.fillRect(0, 0, canvas.width, canvas.height); };
  const spot = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [(event.clientX - frame.left) / frame.width * canvas.width, (event.clientY - frame.top) / frame.height * canvas.height];
  };
  const stroke = (event) => {
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: 24, lineCap: "round", lineJoin: "round" });
    pen.lineTo(...spot(event));
    pen.stroke();
    canvas.toBlob((blob) => { own = blob; readOwn(); });
  };
  clear();
  $("clear").addEventListener("click", clear);
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...spot(event));
    stroke(event);
  });
  canvas.addEventListener("pointermove", (event) => { if (canvas.hasPointerCapture(event.pointerId)) stroke(event); });
  $("file").addEventListener("change", (event) => { own = event.target.files[0]; if (own) readOwn(); });
  $("invert").addEventListener("change", () => { if (own) readOwn(); });
}

drawAll();
if (index) read();
