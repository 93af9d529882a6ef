// What the page shows. Each stage is one part of the document; the others are hidden.

export const told = JSON.parse(document.getElementById("told").textContent);
export const part = (id) => document.getElementById(id);

const STAGES = ["start", "work", "failure", "result"];
const STEPS = ["upload", "check", "report"];
const SAY_EVERY = 25;
let said = "";

/** The words for `name`, with its places filled in. */
export function words(name, values = {}) {
  const text = told.texts[name] ?? told.texts["problem.other"];
  return text.replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** Tells those who do not see it, once. */
export function say(text) {
  if (text !== said) part("status").textContent = said = text;
}

/** Shows one stage, and moves there who reads or types: the old place is gone. */
export function stage(name, focus) {
  for (const one of STAGES) part(one).hidden = one !== name;
  window.scrollTo(0, 0);
  focus?.focus({ preventScroll: true });
}

export function showStart() {
  stage("start", part("main"));
}

/** Where the work stands: a step, a headline, and how far (0…1; null: it cannot be told). */
export function showWork(step, headline, fraction, detail = "") {
  if (part("work").hidden) stage("work", part("work-head"));
  const at = STEPS.indexOf(step);
  for (const [index, item] of document.querySelectorAll(".steps li").entries()) {
    item.classList.toggle("done", index < at);
    if (index === at) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
  const bar = part("progress");
  if (fraction === null) bar.removeAttribute("value");
  else bar.value = 100 * fraction;
  if (part("work-head").textContent !== headline) part("work-head").textContent = headline;
  part("progress-text").textContent = detail;
  const percent = fraction === null ? 0 : Math.floor((100 * fraction) / SAY_EVERY) * SAY_EVERY;
  say(percent ? `${headline}: ${percent} %` : headline);
}

/** `hopeless`: trying again would end the same way. */
export function showFailure(text, hopeless = false) {
  part("again").hidden = hopeless;
  document.querySelector("#failure .restart").classList.toggle("main", hopeless);
  part("failure-text").textContent = text;
  stage("failure", part("failure-head"));
  say(text);
}

/** The report for the file `name`, which the service never learnt. `markup` is the service's own. */
export function showResult(markup, name) {
  const parsed = new DOMParser().parseFromString(markup, "text/html");
  const article = parsed.querySelector("article");
  const heading = article.querySelector(".file > :first-child");
  heading.textContent = name;
  heading.tabIndex = -1;
  article.setAttribute("aria-label", name);
  const verdict = article.querySelector(".verdict .name").cloneNode(true);
  verdict.querySelectorAll(".tag").forEach((tag) => tag.remove());
  part("report").replaceChildren(...document.importNode(parsed.body, true).childNodes);
  document.querySelector("#report .verdict").after(part("actions"));
  part("feedback").open = false;
  part("feedback").hidden = false;
  part("thanks").hidden = true;
  part("feedback-form").reset();
  stage("result", document.querySelector("#report .file > :first-child"));
  say(words("done", { verdict: verdict.textContent.trim() }));
}
