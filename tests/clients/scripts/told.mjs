// What every script shares: what it is told, the task's tool, and how it tells what came of each way it was tried.
// node SCRIPT.mjs DIALECT MODEL WAY...; WIDEBAND_URL and WIDEBAND_API_KEY say where. Imported first, to see requests.

export const [, , dialect, model, ...ways] = process.argv;
export const url = process.env.WIDEBAND_URL;
export const key = process.env.WIDEBAND_API_KEY;
export const PROMPT = "How is the weather in those two cities?";
export const DESCRIPTION = "Say the weather of a city.";
export const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
export const ROUNDS = 4;

let asked = [];
let cities = [];
const fetching = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const body = await request.clone().text();
  asked.push({ path: new URL(request.url).pathname, body: body ? JSON.parse(body) : null });
  return fetching(request);
};

export function weather({ city }) {
  cities.push(city);
  return { city, degrees: 14 };
}

// Runs the chosen ways, each to its end or its error, and prints what came of them.
export async function tell(known) {
  const told = {};
  for (const way of ways) {
    asked = [];
    cities = [];
    try {
      told[way] = await known[way]();
    } catch (error) {
      told[way] = { error: { name: error.constructor.name, status: error.status ?? error.statusCode ?? null, message: error.message } };
    }
    Object.assign(told[way], { asked, cities });
  }
  console.log(JSON.stringify(told));
}
