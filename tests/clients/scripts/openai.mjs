// OpenAI's own library for JavaScript: chat completions and responses.
import { DESCRIPTION, PROMPT, SCHEMA, dialect, key, model, tell, url, weather } from "./told.mjs";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
const city = z.object({ city: z.string() });
const name = "get_weather";

async function chat(answers) {
  const messages = [{ role: "user", content: PROMPT }];
  const tools = [{ type: "function", function: { name, description: DESCRIPTION, parameters: SCHEMA } }];
  for (let tokens = 0; ; ) {
    const { choices, usage } = await answers({ model, messages, tools });
    const [{ message, finish_reason: finish }] = choices;
    tokens += usage.total_tokens;
    if (!message.tool_calls?.length) return { text: message.content, finish, tokens };
    messages.push(message);
    for (const call of message.tool_calls) {
      const content = JSON.stringify(weather(JSON.parse(call.function.arguments)));
      messages.push({ role: "tool", tool_call_id: call.id, content });
    }
  }
}

async function responses(answers) {
  const input = [{ role: "user", content: PROMPT }];
  const tools = [{ type: "function", name, description: DESCRIPTION, parameters: SCHEMA, strict: true }];
  const kept = { store: false, include: ["reasoning.encrypted_content"], reasoning: { effort: "low", summary: "auto" } };
  let thought = "";
  for (let tokens = 0; ; ) {
    const { output, output_text: text, status, usage } = await answers({ model, input, tools, ...kept });
    tokens += usage.total_tokens;
    for (const item of output) if (item.type === "reasoning") thought += item.summary.map((part) => part.text).join("");
    const calls = output.filter((item) => item.type === "function_call");
    if (!calls.length) return { text, finish: status, tokens, thought };
    input.push(...output);
    for (const call of calls) {
      const result = JSON.stringify(weather(JSON.parse(call.arguments)));
      input.push({ type: "function_call_output", call_id: call.call_id, output: result });
    }
  }
}

const known = {
  chat: {
    whole: () => chat((ask) => client.chat.completions.create(ask)),
    stream: () =>
      chat((ask) => client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } }).finalChatCompletion()),
    object: async () => {
      const format = zodResponseFormat(city, "city");
      const ask = { model, messages: [{ role: "user", content: "Name a city." }], response_format: format };
      return { object: (await client.chat.completions.parse(ask)).choices[0].message.parsed };
    },
  },
  responses: {
    whole: () => responses((ask) => client.responses.create(ask)),
    stream: () => responses((ask) => client.responses.stream(ask).finalResponse()),
    object: async () => {
      const ask = { model, input: "Name a city.", text: { format: zodTextFormat(city, "city") } };
      return { object: (await client.responses.parse(ask)).output_parsed };
    },
  },
};
await tell(known[dialect]);
