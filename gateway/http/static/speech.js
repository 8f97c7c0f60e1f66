// What the pages about speech share: calls to the API, and a sound shown with its picture.
"use strict";

const csrf = document.querySelector("meta[name=csrf]").content;

async function api(method, path, body, type = "application/json") {
  const options = { method, headers: { "X-CSRF-Token": csrf } };
  if (body !== undefined) {
    options.headers["Content-Type"] = type;
    options.body = type === "application/json" ? JSON.stringify(body) : body;
  }
  const response = await fetch(path, options);
  if (response.status === 401) location.assign("/");
  const answer = await response.json();
  if (!response.ok) throw new Error((answer.errors || []).map((fault) => fault.detail).join("; ") || answer.detail);
  return answer;
}

function complain(place, words) {
  const fault = place.querySelector(".fault");
  fault.textContent = words;
  fault.hidden = !words;
}
