// A route that welcomes users by a video: node examples/welcome_video.mjs, then
// http://127.0.0.1:3000/api/welcome-video?plan=Pro
//
// It plays while it is made. Of a plan that was asked for before, the service has the clip already
// (its cache is keyed by the request), so that nothing has to be cached here.
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const { LTX_URL = "http://127.0.0.1:8080", LTX_API_KEY, PORT = "3000" } = process.env;
const PLANS = ["Free", "Pro", "Team"]; // what users send does not become a prompt
const SIZE = JSON.parse(process.env.LTX_WISH ?? '{"resolution": "720p", "fps": 30, "duration": 5}');

function welcome(plan, signal) {
  return fetch(`${LTX_URL}/v1/stream`, {
    method: "POST",
    signal,
    headers: { Authorization: `Bearer ${LTX_API_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({
      prompt:
        "Welcome screen animation for a SaaS product. Clean, professional motion graphics. " +
        `Text reads "Welcome to ${plan} Plan" with a subtle confetti animation. ` +
        "Brand colors: blue and white.",
      model: "helios-base",
      format: "mp4-stream",
      ...SIZE,
    }),
  });
}

const server = createServer(async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, "http://localhost");
  const plan = searchParams.get("plan") ?? "Free";
  if (pathname !== "/api/welcome-video" || !PLANS.includes(plan)) {
    response.writeHead(404).end();
    return;
  }
  const gone = new AbortController(); // who leaves cancels the clip
  response.on("close", () => gone.abort());
  try {
    const made = await welcome(plan, gone.signal);
    if (!made.ok) {
      response.writeHead(503, { "Retry-After": made.headers.get("Retry-After") ?? "10" }).end();
      return;
    }
    response.writeHead(200, {
      "Content-Type": "video/mp4",
      "Generation-Id": made.headers.get("Generation-Id"),
      "Generation-Cached": made.headers.get("Generation-Cached") ?? "false",
    });
    await pipeline(Readable.fromWeb(made.body), response);
  } catch {
    response.destroy(); // a clip that is not whole must not look it
  }
});
server.listen(Number(PORT), "127.0.0.1", () => console.log(server.address().port));
