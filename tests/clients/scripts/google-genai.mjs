// Google's own library for JavaScript.
import { DESCRIPTION, PROMPT, SCHEMA, key, model, tell, url, weather } from "./told.mjs";
import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } });
const tools = [{ functionDeclarations: [{ name: "get_weather", description: DESCRIPTION, parametersJsonSchema: SCHEMA }] }];
const config = { tools, thinkingConfig: { includeThoughts: true } };

async function talk(answers) {
  const contents = [{ role: "user", parts: [{ text: PROMPT }] }];
  let thought = "";
  for (let tokens = 0; ; ) {
    const { parts, finish, usage } = await answers({ model, contents, config });
    tokens += usage.totalTokenCount;
    const words = parts.filter((part) => part.text);
    thought += words.filter((part) => part.thought).map((part) => part.text).join("");
    const text = words.filter((part) => !part.thought).map((part) => part.text).join("");
    const calls = parts.filter((part) => part.functionCall).map((part) => part.functionCall);
    if (!calls.length) return { text, finish, tokens, thought };
    contents.push({ role: "model", parts });
    const results = calls.map(({ id, name, args }) => ({ functionResponse: { id, name, response: weather(args) } }));
    contents.push({ role: "user", parts: results });
  }
}

async function whole(ask) {
  const answer = await client.models.generateContent(ask);
  const [candidate] = answer.candidates;
  return { parts: candidate.content.parts, finish: candidate.finishReason, usage: answer.usageMetadata };
}

async function stream(ask) {
  const parts = [];
  let finish, usage;
  for await (const { candidates, usageMetadata } of await client.models.generateContentStream(ask)) {
    parts.push(...(candidates?.[0]?.content?.parts ?? []));
    finish = candidates?.[0]?.finishReason ?? finish;
    usage = usageMetadata ?? usage;
  }
  if (!finish) throw new Error("the stream ended without a reason");
  return { parts, finish, usage };
}

await tell({
  whole: () => talk(whole),
  stream: () => talk(stream),
  object: async () => {
    const asJson = { responseMimeType: "application/json", responseJsonSchema: SCHEMA };
    const { text } = await client.models.generateContent({ model, contents: "Name a city.", config: asJson });
    return { object: JSON.parse(text) };
  },
});
