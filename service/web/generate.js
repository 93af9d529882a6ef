// A prompt in, a clip that plays while it is made. Nothing goes anywhere but to the service.

const part = (id) => document.getElementById(id);
const { texts } = JSON.parse(part("told").textContent);
const text = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
let running = null; // the AbortController of the clip under way
let address = null; // of what the video shows

part("wish").addEventListener("submit", (event) => {
  event.preventDefault();
  const wish = Object.fromEntries(new FormData(event.target));
  if (!wish.prompt.trim()) return missing("prompt", "no_prompt");
  if (!wish.key.trim()) return missing("key", "no_key");
  if (!event.target.reportValidity()) return undefined;
  const { key, ...asked } = wish;
  for (const name of ["fps", "duration", "seed"]) asked[name] = Number(asked[name]);
  return make(asked, key.trim());
});
part("cancel").addEventListener("click", () => running?.abort());

const { model, duration } = part("wish").elements;
model.addEventListener("change", longest);
longest();

/** The most seconds that may be asked for are those of the model that was chosen. */
function longest() {
  duration.max = model.selectedOptions[0].dataset.longest;
  if (Number(duration.value) > Number(duration.max)) duration.value = duration.max;
}

function missing(field, name) {
  fail(text(name));
  part(field).focus();
}

async function make(asked, key) {
  running?.abort();
  const controller = (running = new AbortController());
  const headers = { Authorization: `Bearer ${key}`, "Content-Type": "application/json" };
  const given = { headers, signal: controller.signal, credentials: "omit", cache: "no-store" };
  begin();
  try {
    const answer = await fetch("/v1/stream", { ...given, method: "POST", body: JSON.stringify(asked) });
    if (!answer.ok) throw new Error(text("failed", { title: (await problem(answer)) }));
    await play(answer.body, controller.signal);
    const one = answer.headers.get("Generation-Id");
    const told = await fetch(`/v2/generations/${one}`, given);
    if (!told.ok) throw new Error(text("failed", { title: await problem(told) }));
    show(await told.json());
  } catch (error) {
    if (running !== controller) return;
    if (controller.signal.aborted) say(text("cancelled"));
    else fail(error instanceof TypeError ? text("lost") : error.message);
    clear();
  } finally {
    if (running === controller) {
      running = null;
      busy(false);
    }
  }
}

async function problem(answer) {
  const found = await answer.json().catch(() => ({}));
  return [found.title ?? `HTTP ${answer.status}`, found.detail, found.hint].filter(Boolean).join(". ");
}

/** Plays the bytes of `body` as they come, and resolves when all are there. */
async function play(body, signal) {
  const reader = body.getReader();
  let head = new Uint8Array();
  let type = null;
  while (type === null) {
    const { done, value } = await reader.read();
    if (done) throw new TypeError("the stream ended before it began");
    head = joined(head, value);
    type = mediaType(head);
  }
  const Source = globalThis.ManagedMediaSource ?? globalThis.MediaSource;
  const add = Source?.isTypeSupported(type) ? await screen(Source, type, signal) : collecting();
  await add(head);
  say(text(add.live ? "playing" : "old"));
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    await add(value);
  }
  await add(null);
}

/** A function that appends bytes to what the video shows; null ends it. */
async function screen(Source, type, signal) {
  const source = new Source();
  const video = showVideo(source);
  video.disableRemotePlayback = true;
  await once(source, "sourceopen", signal);
  const buffer = source.addSourceBuffer(type);
  const add = async (bytes) => {
    if (bytes === null) return source.endOfStream();
    buffer.appendBuffer(bytes);
    await once(buffer, "updateend", signal);
    if (video.paused && video.currentTime === 0) video.play().catch(() => {});
    return undefined;
  };
  add.live = true;
  return add;
}

/** For browsers that play whole files only. */
function collecting() {
  const blocks = [];
  return async (bytes) => {
    if (bytes === null) showVideo(new Blob(blocks, { type: "video/mp4" })).play().catch(() => {});
    else blocks.push(bytes);
  };
}

/** The type of a beginning that holds the whole index, as a SourceBuffer wants it; else null. */
function mediaType(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at + 8 <= bytes.length) {
    const end = at + Math.max(8, view.getUint32(at));
    if (end > bytes.length) return null;
    if (name(bytes, at + 4) === "moov") return codecs(bytes.subarray(at, end));
    at = end;
  }
  return null;
}

function codecs(moov) {
  const found = [];
  for (let at = 0; at + 8 < moov.length; at++) {
    const box = name(moov, at);
    // AVCDecoderConfigurationRecord (ISO/IEC 14496-15): version, profile, compatibility, level.
    if (box === "avcC") found.push(`avc1.${hex(moov.subarray(at + 5, at + 8))}`);
    if (box === "mp4a" && !found.includes("mp4a.40.2")) found.push("mp4a.40.2");
  }
  return `video/mp4; codecs="${found.join(", ")}"`;
}

const name = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function joined(first, second) {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

function once(target, event, signal) {
  return new Promise((resolve, reject) => {
    target.addEventListener(event, resolve, { once: true });
    target.addEventListener("error", () => reject(new TypeError(event)), { once: true });
    signal.addEventListener("abort", () => reject(new DOMException("", "AbortError")), { once: true });
  });
}

function showVideo(source) {
  const video = part("video");
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(source);
  video.src = address;
  video.hidden = false;
  part("empty").hidden = true;
  return video;
}

function begin() {
  for (const id of ["failure", "facts", "notes", "links"]) part(id).hidden = true;
  clear();
  busy(true);
  say(text("waiting"));
}

function show(made) {
  say(text("done"));
  part("content-id").textContent = made.contentId;
  part("prompt-hash").textContent = made.promptHash;
  part("signed").href = made.combinedUrl;
  const notes = [
    made.reduced && text("reduced"),
    made.trained === false && text("untrained"),
    made.unreadCharacters > 0 && text("unread", { count: made.unreadCharacters }),
    made.unknownWords?.length && text("unknown", { words: made.unknownWords.join(", ") }),
  ].filter(Boolean);
  part("notes").textContent = notes.join(" ");
  part("notes").hidden = notes.length === 0;
  part("facts").hidden = part("links").hidden = false;
}

function clear() {
  const video = part("video");
  video.removeAttribute("src");
  video.load();
  video.hidden = true;
  part("empty").hidden = false;
}

function busy(is) {
  part("cancel").hidden = !is;
  part("go").disabled = is;
}

function say(words) {
  part("told-state").textContent = words;
  part("status").textContent = words;
}

function fail(words) {
  say("");
  part("failure").textContent = words;
  part("failure").hidden = false;
}
