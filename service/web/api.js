// What the page asks of the service. Nothing goes anywhere else.

const MEDIA = /^(video|audio)\/[\w.+-]+$/;
const LOOK_MS = 700, LAST_LOOK_MS = 2000, MOST_LOST = 6;

/** A problem document of the service, or code "lost" where nothing came back. */
export class Refusal extends Error {
  constructor(code, retryAfterS = 0) {
    super(code);
    this.code = code;
    this.retryAfterS = retryAfterS;
  }
}

/** Sends `file`; resolves to the scan. `onProgress` gets 0…1; `signal` ends it. */
export function send(file, { onProgress, signal, key }) {
  return new Promise((resolve, reject) => {
    // XMLHttpRequest, because fetch() does not tell how much was sent.
    const request = new XMLHttpRequest();
    request.open("POST", "/v1/scans?depth=full");
    request.setRequestHeader("Content-Type", MEDIA.test(file.type) ? file.type : "application/octet-stream");
    request.setRequestHeader("Idempotency-Key", key);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    request.onload = () => {
      const document = request.response;
      if (request.status < 300 && document) resolve(document);
      else reject(new Refusal(document?.code ?? "lost", Number(request.getResponseHeader("Retry-After"))));
    };
    request.onerror = () => reject(new Refusal("lost"));
    request.onabort = () => reject(new DOMException("", "AbortError"));
    signal.addEventListener("abort", () => request.abort());
    request.send(file);
  });
}

/** Lets the service fetch the file at `link`; resolves to the scan. */
export function sendLink(link, { signal }) {
  return ask("POST", "/v1/links", { signal, json: { link, depth: "full" } }).then((answer) => answer.json());
}

/** Looks after a scan until it is done. `onLook` gets each state of it. */
export async function follow(scan, { onLook, signal }) {
  let pause = LOOK_MS, lost = 0;
  while (scan.state !== "done") {
    onLook(scan);
    await waited(pause, signal);
    pause = Math.min(pause * 1.15, LAST_LOOK_MS);
    try {
      scan = await (await ask("GET", `/v1/scans/${scan.id}`, { signal })).json();
      lost = 0;
    } catch (error) {
      // Busy or away for a moment: the scan goes on without us.
      const passing = ["lost", "limit.rate", "service.unavailable"].includes(error.code);
      if (!passing || ++lost > MOST_LOST) throw error;
      pause = Math.max(1000 * (error.retryAfterS || 0), LAST_LOOK_MS);
    }
  }
  return scan;
}

/** The report's markup, made and escaped by the service; null where there is none. */
export async function article(scan, { signal }) {
  if (scan.result === null) return null;
  return (await ask("GET", `${address(scan, "report")}?part=article`, { signal })).text();
}

/** Whether the scan has a receipt. */
export async function hasReceipt(scan, { signal }) {
  try {
    await ask("GET", address(scan, "receipt"), { signal });
    return true;
  } catch (error) {
    if (error.code === "scan.no_receipt") return false;
    throw error;
  }
}

export const address = (scan, part = "") => `/v1/scans/${scan.id}${part && "/" + part}`;
export const forget = (scan) => ask("DELETE", address(scan));
export const tell = (scan, kind, comment) => ask("PUT", address(scan, "feedback"), { json: { kind, comment } });

/** A key that tells a repeated request from a new one. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(method, path, { signal, json } = {}) {
  const sent = json && { body: JSON.stringify(json), headers: { "Content-Type": "application/json" } };
  let answer;
  try {
    answer = await fetch(path, { method, signal, credentials: "omit", cache: "no-store", ...sent });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refusal("lost");
  }
  if (answer.ok) return answer;
  const document = await answer.json().catch(() => ({}));
  throw new Refusal(document.code ?? "lost", Number(answer.headers.get("Retry-After")));
}

function waited(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("", "AbortError"));
    });
  });
}
