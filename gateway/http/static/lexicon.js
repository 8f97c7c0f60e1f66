// The lexicon's table: add, change, remove, and hear an entry before it is saved.
"use strict";

const entry = document.getElementById("entry");
const list = document.getElementById("entries");

function cell(words) {
  const made = document.createElement("td");
  made.textContent = words;
  return made;
}

function button(words, label, work) {
  const made = document.createElement("button");
  made.textContent = words;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", work);
  return made;
}

function row(found) {
  const made = document.createElement("tr");
  const buttons = document.createElement("div");
  buttons.className = "buttons";
  buttons.append(
    button("Change", `Change ${found.written}`, () => {
      for (const name of ["written", "spoken", "ipa", "kind"]) entry.elements[name].value = found[name];
      entry.elements.spoken.focus();
    }),
    button("Remove", `Remove ${found.written}`, () => change("/api/v1/lexicon/remove", { written: found.written, kind: found.kind })),
  );
  const last = document.createElement("td");
  last.append(buttons);
  made.append(cell(found.written), cell(found.spoken), cell(found.ipa), cell(found.kind), last);
  return made;
}

function show(lexicon) {
  document.getElementById("file").textContent = lexicon.file ? `(${lexicon.file})` : "";
  const none = document.createElement("tr");
  none.append(cell(lexicon.file ? "There is none yet." : 'No file is configured: write lexicon = "lexicon.csv" in [speech].'));
  none.firstElementChild.colSpan = 5;
  list.replaceChildren(...(lexicon.entries.length ? lexicon.entries.map(row) : [none]));
}

async function attempt(work) {
  try {
    await work();
    complain(entry, "");
    return true;
  } catch (error) {
    complain(entry, error.message);
    return false;
  }
}

const change = (path, body) => attempt(async () => show(await api("POST", path, body)));

function written() {
  return Object.fromEntries(["written", "spoken", "ipa", "kind"].map((name) => [name, entry.elements[name].value]));
}

entry.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await change("/api/v1/lexicon", written())) entry.reset();
});

entry.querySelector("[data-do=hear]").addEventListener("click", () => attempt(async () => {
  const player = entry.querySelector("audio");
  const answer = await api("POST", "/api/v1/speech", { text: entry.elements.written.value, entry: written() });
  player.src = answer.audio;
  player.hidden = false;
  await player.play();
}));

attempt(async () => show(await api("GET", "/api/v1/lexicon")));
