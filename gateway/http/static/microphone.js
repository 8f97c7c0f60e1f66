// An operator's own voice: from the microphone or a file, made a WAV here, sent to a draft, and heard as a telephone will.
"use strict";

const LONGEST_SECONDS = 180;
const own = document.getElementById("own");
let recording = null;
let taken = null;

function tellOwn(words) {
  own.querySelector("[data-status]").textContent = words;
}

function may(names) {
  own.querySelectorAll("[data-do]").forEach((button) => { button.disabled = !names.includes(button.dataset.do); });
}

// Mono, 16 bit: RIFF header of 44 bytes, then the samples.
function wav(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, words) => [...words].forEach((letter, offset) => view.setUint8(at + offset, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples.length, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * samples.length, true);
  samples.forEach((sample, at) => view.setInt16(44 + 2 * at, Math.round(32767 * Math.max(-1, Math.min(1, sample))), true));
  return view.buffer;
}

function keep(samples, rate) {
  taken = { samples, rate };
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  const level = peak > 0 ? `${(20 * Math.log10(peak)).toFixed(0)} dBFS` : "silent";
  tellOwn(`${(samples.length / rate).toFixed(1)} s, peak ${level}. Listen, record again, or use it.`);
  may(["record", "listen", "use"]);
}

async function record() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: true } });
  const context = new AudioContext();
  await context.audioWorklet.addModule("/static/recorder.js");
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  recording = { stream, context, blocks: [], count: 0 };
  node.port.onmessage = (event) => {
    if (!recording) return;
    recording.blocks.push(event.data);
    recording.count += event.data.length;
    own.querySelector("meter").value = event.data.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    if (recording.count > LONGEST_SECONDS * context.sampleRate) stop();
  };
  context.createMediaStreamSource(stream).connect(node);
  tellOwn("Recording. Speak as to one person; say the number twice.");
  may(["stop"]);
}

function stop() {
  const { stream, context, blocks, count } = recording;
  recording = null;
  stream.getTracks().forEach((track) => track.stop());
  const samples = new Float32Array(count);
  let at = 0;
  for (const block of blocks) { samples.set(block, at); at += block.length; }
  const rate = context.sampleRate;
  context.close();
  own.querySelector("meter").value = 0;
  keep(samples, rate);
}

async function listen() {
  const context = new AudioContext();
  const buffer = context.createBuffer(1, taken.samples.length, taken.rate);
  buffer.copyToChannel(taken.samples, 0);
  const source = context.createBufferSource();
  source.buffer = buffer;
  source.connect(context.destination);
  source.onended = () => context.close();
  source.start();
}

async function use() {
  const path = `/api/v1/actions/${encodeURIComponent(own.querySelector("[name=action]").value)}`;
  await api("PUT", `${path}/recording`, wav(taken.samples, taken.rate), "audio/wav");
  const card = document.getElementById("result").content.firstElementChild.cloneNode(true);
  card.querySelector("h2").textContent = "What a telephone hears";
  card.querySelector(".facts").textContent = "Levelled, band-limited, through A-law.";
  card.querySelector("audio").src = `${path}/audio.wav`;
  card.querySelector("img").src = `${path}/waveform.svg`;
  card.querySelector("img").alt = "Waveform of the recording";
  own.querySelector("[data-heard]").replaceChildren(card);
  tellOwn("The action has this recording now.");
}

async function read(file) {
  const context = new OfflineAudioContext(1, 1, 48000);
  const sound = await context.decodeAudioData(await file.arrayBuffer());
  const mono = new Float32Array(sound.length);
  for (let channel = 0; channel < sound.numberOfChannels; channel += 1) {
    sound.getChannelData(channel).forEach((sample, at) => { mono[at] += sample / sound.numberOfChannels; });
  }
  keep(mono, sound.sampleRate);
}

async function attempt(work, failed) {
  complain(own, "");
  try {
    await work();
  } catch (error) {
    complain(own, failed ? `${failed} (${error.message || error.name})` : error.message);
  }
}

own.addEventListener("click", (event) => {
  const work = { record, stop, listen, use }[event.target.dataset.do];
  if (work) attempt(work, work === record ? "The microphone can't be used; allow it for this page, or choose a file." : "");
});
own.querySelector("[name=file]").addEventListener("change", (event) => {
  if (event.target.files.length) attempt(() => read(event.target.files[0]), "This is no sound that the browser knows; choose a WAV, MP3, OGG or FLAC file.");
});
