// "How it sounds": one text in one or two voices, each with what a telephone hears.
"use strict";

const form = document.getElementById("sound");

function asked(letter) {
  const field = (name) => form.elements[name];
  if (!field(`voice-${letter}`).value) return null;
  return {
    text: field("text").value, language: field("language").value, alert: field("alert").checked,
    voice: field(`voice-${letter}`).value, words_per_minute: Number(field(`rate-${letter}`).value),
  };
}

function shown(answer) {
  const card = document.getElementById("result").content.firstElementChild.cloneNode(true);
  card.querySelector("h2").textContent = answer.voice;
  card.querySelector(".facts").textContent =
    `${(answer.milliseconds / 1000).toFixed(1)} s · active level ${answer.active_dbm0} dBm0 · peak ${answer.peak_dbfs} dBFS`;
  card.querySelector("audio").src = answer.audio;
  const picture = card.querySelector("img");
  picture.src = answer.waveform;
  picture.alt = `${answer.voice}: ${answer.words}`;
  return card;
}

function explained(answer) {
  const card = document.getElementById("rules").content.firstElementChild.cloneNode(true);
  card.querySelector(".words").textContent = answer.words;
  const rows = answer.notes.map((note) => {
    const row = document.createElement("tr");
    row.append(...[note.rule, note.written, note.spoken].map((words) => {
      const cell = document.createElement("td");
      cell.textContent = words;
      return cell;
    }));
    return row;
  });
  if (rows.length) card.querySelector("tbody").append(...rows);
  else card.querySelector("table").remove();
  return card;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button.primary");
  button.disabled = true;
  try {
    const wanted = ["a", "b"].map(asked).filter(Boolean);
    const answers = await Promise.all(wanted.map((body) => api("POST", "/api/v1/speech", body)));
    document.getElementById("heard").replaceChildren(explained(answers[0]), ...answers.map(shown));
    complain(form, "");
  } catch (error) {
    complain(form, error.message);
  } finally {
    button.disabled = false;
  }
});
