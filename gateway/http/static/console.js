// The console's behaviour: estimates while composing, actions that follow the events. Pages come whole from the server.
"use strict";

const csrf = document.querySelector("meta[name=csrf]").content;
const compose = document.getElementById("compose");
const pending = new Map();

async function call(method, path, body) {
  const options = { method, headers: { "X-CSRF-Token": csrf } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  if (response.status === 401) location.reload();
  const answer = await response.json();
  if (!response.ok) throw new Error(sentence(answer));
  return answer;
}

function sentence(problem) {
  const faults = (problem.errors || []).map((fault) => `${(fault.pointer || fault.parameter || "").replace(/^#\//, "")}: ${fault.detail}`);
  return faults.length ? faults.join("; ") : problem.detail;
}

function tell(place, words) {
  const fault = place.querySelector(".fault");
  fault.textContent = words;
  fault.hidden = !words;
}

async function fragment(path, current) {
  const response = await fetch(path);
  if (response.status === 401) { location.reload(); return null; }
  if (!response.ok) return null;
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  const fresh = template.content.firstElementChild;
  if (current) current.replaceWith(fresh);
  return fresh;
}

// At most one look a third of a second at the same thing, however many events tell of it.
function soon(key, look) {
  if (pending.has(key)) return;
  pending.set(key, setTimeout(() => { pending.delete(key); look(); }, 333));
}

async function refresh(id) {
  const list = document.getElementById("actions");
  const card = document.getElementById(`action-${id}`);
  const typing = card && card.contains(document.activeElement) && document.activeElement.matches("input, select");
  if (typing || card?.querySelector("[data-armed]:not([disabled])")) {
    soon(id, () => refresh(id));
    return;
  }
  const fresh = await fragment(`/console/actions/${encodeURIComponent(id)}`, card);
  if (fresh && !card) {
    document.getElementById("none")?.remove();
    list.prepend(fresh);
  } else if (fresh?.matches(".active") && !card.matches(".active")) {
    list.prepend(fresh);
  }
}

function follow() {
  const live = document.getElementById("live");
  const show = (state, words) => { live.className = `state ${state}`; live.textContent = words; };
  const source = new EventSource("/api/v1/events");
  let lost = false;
  source.onopen = () => {
    show("live", "live");
    if (lost) document.querySelectorAll("[data-action]").forEach((card) => soon(card.dataset.action, () => refresh(card.dataset.action)));
    lost = false;
  };
  source.onerror = () => { lost = true; show("lost", "connection lost, trying again"); };
  const action = (event) => {
    const data = JSON.parse(event.data);
    const id = data.action || data.id;
    if (id) soon(id, () => refresh(id));
  };
  for (const kind of ["action", "delivery", "reply", "tip"]) source.addEventListener(kind, action);
  for (const kind of ["trunk", "smsc", "call"]) {
    source.addEventListener(kind, () => soon("peers", () => fragment("/console/peers", document.getElementById("peers"))));
  }
}

// A comma is taken as a decimal point, as people here write it.
function degrees(field) {
  return Number(field.value.trim().replace(",", "."));
}

// The first press asks again, with the numbers; the second does it. Left alone, the button is as before.
function sure(button) {
  if (button.dataset.armed) return true;
  const words = button.textContent;
  button.dataset.armed = "yes";
  button.textContent = button.dataset.sure;
  setTimeout(() => { delete button.dataset.armed; button.textContent = words; }, 6000);
  return false;
}

function written() {
  const field = (name) => compose.elements[name];
  const area = field("where").value === "circle"
    ? { circle: { lat: degrees(field("lat")), lon: degrees(field("lon")), radius_m: Number(field("radius").value) } }
    : field("where").value === "municipality" ? { municipality: field("municipality").value }
    : { postcodes: field("postcodes").value.split(/[\s,;]+/).filter(Boolean) };
  const body = {
    kind: field("kind").value, title: field("title").value, message: field("message").value, area,
    channels: ["voice", "sms"].filter((name) => field(name).checked), owner: field("owner").value,
    exercise: field("exercise").checked,
  };
  if (field("expires").value) body.expires_at = new Date(field("expires").value).toISOString();
  if (field("closing").value) body.closing = field("closing").value;
  return body;
}

async function estimate() {
  const place = document.getElementById("estimate");
  const body = written();
  if (!body.title || !body.message) return;
  try {
    const found = await call("POST", "/api/v1/actions/estimate", body);
    const people = Object.entries(found.recipients).map(([channel, count]) => `${count} by ${channel === "sms" ? "SMS" : "telephone"}`).join(", ");
    const parts = [people || "nobody there", `${found.sms_segments} SMS segment${found.sms_segments === 1 ? "" : "s"}`];
    parts.push(`about ${Math.ceil(found.eta_seconds / 60)} min`, `€ ${found.cost.toFixed(2)}`);
    place.textContent = [parts.join(" · "), ...found.advice].join("\n");
  } catch (error) {
    place.textContent = error.message;
  }
}

function where() {
  const chosen = compose.elements.where.value;
  compose.querySelectorAll("[data-where]").forEach((part) => { part.hidden = part.dataset.where !== chosen; });
}

function map() {
  if (typeof L === "undefined") return;
  const { lat, lon, radius } = compose.elements;
  const view = L.map("map").setView([degrees(lat), degrees(lon)], 12);
  // Without tiles the circle and its scale still show.
  const { tiles, credit } = document.getElementById("map").dataset;
  if (tiles) L.tileLayer(tiles, { maxZoom: 19, attribution: credit }).addTo(view);
  L.control.scale({ imperial: false }).addTo(view);
  const circle = L.circle([degrees(lat), degrees(lon)], { radius: Number(radius.value), color: "#0b4f9e" }).addTo(view);
  const draw = () => {
    const at = [degrees(lat), degrees(lon)];
    if (at.every(Number.isFinite)) circle.setLatLng(at);
    if (Number(radius.value) > 0) circle.setRadius(Number(radius.value));
  };
  view.on("click", (event) => {
    lat.value = event.latlng.lat.toFixed(5);
    lon.value = event.latlng.lng.toFixed(5);
    draw();
    soon("estimate", estimate);
  });
  compose.addEventListener("input", draw);
  view.fitBounds(circle.getBounds());
}

document.getElementById("actions").addEventListener("click", async (event) => {
  if (event.target.dataset.do !== "start") return;
  if (!sure(event.target)) return;
  const card = event.target.closest("[data-action]");
  event.target.disabled = true;
  try {
    await call("POST", `/api/v1/actions/${card.dataset.action}/start`);
    refresh(card.dataset.action);
  } catch (error) {
    event.target.disabled = false;
    tell(card, error.message);
  }
});

document.getElementById("actions").addEventListener("change", async (event) => {
  if (event.target.dataset.do !== "owner") return;
  const card = event.target.closest("[data-action]");
  try {
    await call("PATCH", `/api/v1/actions/${card.dataset.action}`, { owner: event.target.value });
    event.target.blur();
    refresh(card.dataset.action);
  } catch (error) {
    tell(card, error.message);
  }
});

document.getElementById("actions").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!sure(event.target.querySelector("button"))) return;
  const card = event.target.closest("[data-action]");
  const body = { outcome: event.target.elements.outcome.value };
  if (event.target.elements.message.value) body.message = event.target.elements.message.value;
  try {
    await call("POST", `/api/v1/actions/${card.dataset.action}/close`, body);
    document.activeElement.blur();
    card.querySelectorAll("[data-armed]").forEach((button) => { button.disabled = true; });
    refresh(card.dataset.action);
  } catch (error) {
    tell(card, error.message);
  }
});

if (compose) {
  compose.addEventListener("input", () => { where(); tell(compose, ""); soon("estimate", estimate); });
  compose.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      const action = await call("POST", "/api/v1/actions", written());
      tell(compose, "");
      for (const name of ["title", "message", "closing", "expires"]) compose.elements[name].value = "";
      refresh(action.id);
    } catch (error) {
      tell(compose, error.message);
    }
  });
  where();
  map();
}
follow();
