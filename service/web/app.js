// A file or a link in, a report out.

import * as api from "./api.js";
import { part, say, showFailure, showResult, showStart, showWork, told, words } from "./view.js";

let running = null; // { controller, scan } of the check under way
let repeat = () => showStart();
let shown = null; // the scan whose result is on the page

part("file").addEventListener("change", () => {
  const [file] = part("file").files;
  if (file) checkFile(file);
});

part("link-form")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const link = part("link").value.trim();
  if (link) checkLink(link);
  else part("link").focus();
});

function checkFile(file, key = api.newKey()) {
  repeat = () => checkFile(file, key);
  part("file").value = ""; // so that the same file can be chosen again
  if (file.size > told.limit_bytes) return fail(new api.Refusal("media.too_large"));
  if (file.size === 0) return fail(new api.Refusal("media.empty"));
  const uploading = words("uploading", { name: file.name });
  return check(file.name, (signal) => {
    showWork("upload", uploading, 0);
    return api.send(file, {
      key,
      signal,
      onProgress: (fraction) =>
        showWork("upload", uploading, fraction, words("uploading_percent", { percent: Math.floor(100 * fraction) })),
    });
  });
}

function checkLink(link) {
  repeat = () => checkLink(link);
  return check(words("linked_name"), (signal) => {
    showWork("upload", words("fetching"), null);
    return api.sendLink(link, { signal });
  });
}

async function check(name, send) {
  const controller = new AbortController();
  const { signal } = controller;
  const mine = (running = { controller, scan: null });
  try {
    mine.scan = await send(signal);
    const scan = await api.follow(mine.scan, { signal, onLook: (seen) => showChecking(seen, name) });
    showWork("report", words("reporting"), null);
    const markup = await api.article(scan, { signal });
    if (markup === null) return showFailure(words("failed_scan"), true);
    const receipt = await api.hasReceipt(scan, { signal });
    shown = scan;
    offer(scan, name, receipt);
    showResult(markup, name);
  } catch (error) {
    if (error.name === "AbortError") cancelled(mine);
    else fail(error);
  } finally {
    if (running === mine) running = null;
  }
}

function showChecking(scan, name) {
  if (scan.state === "queued") return showWork("check", words("queued"), null);
  const percent = Math.floor(100 * (scan.progress ?? 0));
  showWork(
    "check",
    words("checking", { name }),
    percent ? scan.progress : null,
    percent ? words("checking_percent", { percent }) : "",
  );
}

function offer(scan, name, receipt) {
  const stem = name.replace(/\.[^.]*$/, "").replace(/[^\w.-]+/g, "_") || "video";
  part("receipt").hidden = !receipt;
  part("receipt").href = api.address(scan, "receipt");
  part("receipt").download = `${stem}.receipt.jws`;
  part("download").href = api.address(scan, "report");
  part("download").download = `${stem}.report.html`;
}

function fail(error) {
  if (!error.code) console.error(error);
  const code = error.code === "lost" ? "lost" : `problem.${error.code}`;
  showFailure(words(code, { limit: told.limit }), code.startsWith("problem.media."));
}

function cancelled(mine) {
  if (mine.scan) api.forget(mine.scan).catch(() => {});
  showStart();
  say(words("cancelled"));
}

part("cancel").addEventListener("click", () => running?.controller.abort());
part("again").addEventListener("click", () => repeat());
for (const button of document.querySelectorAll(".restart")) {
  button.addEventListener("click", () => {
    showStart();
    part("file").focus();
  });
}

part("delete").addEventListener("click", async () => {
  try {
    await api.forget(shown);
  } catch (error) {
    if (error.code !== "scan.not_found") return fail(error);
  }
  part("report").after(part("actions"));
  part("report").replaceChildren();
  showStart();
  say(words("deleted"));
});

part("feedback-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target);
  try {
    await api.tell(shown, form.get("kind"), form.get("comment").trim());
    part("thanks").textContent = words("thanks");
    part("feedback").hidden = true;
  } catch {
    part("thanks").textContent = words("feedback_failed");
  }
  part("thanks").hidden = false;
  part("thanks").focus();
});

// A file may be dropped anywhere: missing the field would make the browser open it instead.
let over = 0;
const isFile = (event) => event.dataTransfer?.types.includes("Files");
const mark = (more) => part("drop").classList.toggle("over", (over = Math.max(0, over + more)) > 0);
window.addEventListener("dragenter", (event) => isFile(event) && mark(1));
window.addEventListener("dragleave", (event) => isFile(event) && mark(-1));
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => {
  event.preventDefault();
  mark(-over);
  const [file] = event.dataTransfer?.files ?? [];
  if (file && !part("start").hidden) checkFile(file);
});
