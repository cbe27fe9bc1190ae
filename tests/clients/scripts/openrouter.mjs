// OpenRouter's own library for JavaScript, which checks every field of an answer.
import { DESCRIPTION, PROMPT, SCHEMA, key, model, tell, url, weather } from "./told.mjs";
import { OpenRouter } from "@openrouter/sdk";

const client = new OpenRouter({ apiKey: key, serverURL: `${url}/api/v1`, retryConfig: { strategy: "none" } });
const tools = [{ type: "function", function: { name: "get_weather", description: DESCRIPTION, parameters: SCHEMA } }];

async function talk(answers) {
  const messages = [{ role: "user", content: PROMPT }];
  let thought = "";
  for (let tokens = 0; ; ) {
    const { message, finish, usage } = await answers({ model, messages, tools });
    tokens += usage.totalTokens;
    thought += message.reasoning ?? "";
    if (!message.toolCalls?.length) return { text: message.content, finish, tokens, thought };
    messages.push(message);
    for (const call of message.toolCalls) {
      const content = JSON.stringify(weather(JSON.parse(call.function.arguments)));
      messages.push({ role: "tool", toolCallId: call.id, content });
    }
  }
}

async function whole(chatRequest) {
  const { choices, usage } = await client.chat.send({ chatRequest });
  return { message: choices[0].message, finish: choices[0].finishReason, usage };
}

async function stream(ask) {
  const message = { role: "assistant", content: "", reasoning: "", toolCalls: [] };
  let finish, usage;
  for await (const chunk of await client.chat.send({ chatRequest: { ...ask, stream: true } })) {
    if (chunk.error) throw new Error(chunk.error.message);
    usage = chunk.usage ?? usage;
    const [choice] = chunk.choices;
    if (!choice) continue;
    finish = choice.finishReason ?? finish;
    message.content += choice.delta.content ?? "";
    message.reasoning += choice.delta.reasoning ?? "";
    if (choice.delta.reasoningDetails) (message.reasoningDetails ??= []).push(...choice.delta.reasoningDetails);
    for (const { index, id, function: piece } of choice.delta.toolCalls ?? []) {
      const call = (message.toolCalls[index] ??= { id, type: "function", function: { name: "", arguments: "" } });
      call.function.name += piece?.name ?? "";
      call.function.arguments += piece?.arguments ?? "";
    }
  }
  return { message, finish, usage };
}

await tell({
  whole: () => talk(whole),
  stream: () => talk(stream),
  object: async () => {
    const responseFormat = { type: "json_schema", jsonSchema: { name: "city", strict: true, schema: SCHEMA } };
    const { message } = await whole({ model, messages: [{ role: "user", content: "Name a city." }], responseFormat });
    return { object: JSON.parse(message.content) };
  },
  models: async () => {
    const models = [];
    for await (const { result } of await client.models.list()) models.push(...result.data.map(({ id }) => id));
    return { models };
  },
});
