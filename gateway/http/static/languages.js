// An operator's own text per language: read from a draft, heard, and saved with it.
"use strict";

const languages = document.querySelector("#languages form");

const draftPath = () => `/api/v1/actions/${encodeURIComponent(languages.elements.action.value)}`;

function tellLanguages(translations) {
  const known = Object.keys(translations).sort();
  languages.querySelector("[data-status]").textContent = known.length ? `This draft has: ${known.join(", ")}.` : "This draft has none yet.";
}

async function careful(work) {
  try {
    await work();
    complain(languages, "");
  } catch (error) {
    complain(languages, error.message);
  }
}

async function load() {
  const { translations } = await api("GET", draftPath());
  languages.elements.text.value = translations[languages.elements.language.value] || "";
  tellLanguages(translations);
}

languages.addEventListener("change", (event) => {
  if (event.target.tagName === "SELECT") careful(load);
});

languages.addEventListener("submit", (event) => {
  event.preventDefault();
  careful(async () => {
    const language = languages.elements.language.value;
    const { translations } = await api("GET", draftPath());
    if (languages.elements.text.value.trim()) translations[language] = languages.elements.text.value;
    else delete translations[language];
    tellLanguages((await api("PATCH", draftPath(), { translations })).translations);
  });
});

languages.querySelector("[data-do=hear]").addEventListener("click", () => careful(async () => {
  const body = { text: languages.elements.text.value, language: languages.elements.language.value, alert: true };
  const player = languages.querySelector("audio");
  player.src = (await api("POST", "/api/v1/speech", body)).audio;
  player.hidden = false;
  await player.play();
}));

careful(load);
