// Anthropic's own library for JavaScript.
import { DESCRIPTION, PROMPT, SCHEMA, key, model, tell, url, weather } from "./told.mjs";
import Anthropic from "@anthropic-ai/sdk";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";

const client = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
const tools = [{ name: "get_weather", description: DESCRIPTION, input_schema: SCHEMA }];
const thinking = { type: "enabled", budget_tokens: 2000 };

async function talk(answers) {
  const messages = [{ role: "user", content: PROMPT }];
  let thought = "";
  for (let tokens = 0; ; ) {
    const { content, stop_reason: finish, usage } = await answers({ model, messages, tools, thinking, max_tokens: 4000 });
    tokens += usage.input_tokens + usage.output_tokens;
    thought += content.filter((block) => block.type === "thinking").map((block) => block.thinking).join("");
    const calls = content.filter((block) => block.type === "tool_use");
    const text = content.filter((block) => block.type === "text").map((block) => block.text).join("");
    if (!calls.length) return { text, finish, tokens, thought };
    messages.push({ role: "assistant", content });
    const results = calls.map(({ id, input }) => ({ type: "tool_result", tool_use_id: id, content: JSON.stringify(weather(input)) }));
    messages.push({ role: "user", content: results });
  }
}

await tell({
  whole: () => talk((ask) => client.messages.create(ask)),
  stream: () => talk((ask) => client.messages.stream(ask).finalMessage()),
  object: async () => {
    const format = zodOutputFormat(z.object({ city: z.string() }));
    const ask = { model, max_tokens: 1000, messages: [{ role: "user", content: "Name a city." }], output_config: { format } };
    return { object: (await client.messages.parse(ask)).parsed_output };
  },
});
