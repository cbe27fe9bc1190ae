// The AI SDK with each of its providers: openai, responses, anthropic, google, mistral, compatible, openrouter.
import { DESCRIPTION, PROMPT, ROUNDS, dialect, key, model, tell, url, weather } from "./told.mjs";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createMistral } from "@ai-sdk/mistral";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const v1 = { baseURL: `${url}/v1`, apiKey: key };
const makers = {
  openai: () => createOpenAI(v1).chat(model),
  responses: () => createOpenAI(v1).responses(model),
  anthropic: () => createAnthropic(v1)(model),
  google: () => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey: key })(model),
  mistral: () => createMistral(v1)(model),
  compatible: () => createOpenAICompatible({ name: "wideband", includeUsage: true, supportsStructuredOutputs: true, ...v1 })(model),
  openrouter: () => createOpenRouter({ baseURL: `${url}/api/v1`, apiKey: key })(model),
};
const options = {
  responses: { openai: { store: false, include: ["reasoning.encrypted_content"], reasoningSummary: "auto", forceReasoning: true } },
  anthropic: { anthropic: { thinking: { type: "enabled", budgetTokens: 2000 } } },
  google: { google: { thinkingConfig: { includeThoughts: true } } },
};
const city = z.object({ city: z.string() });
const common = { model: makers[dialect](), maxRetries: 0, providerOptions: options[dialect] };
const task = {
  ...common,
  prompt: PROMPT,
  tools: { get_weather: tool({ description: DESCRIPTION, inputSchema: city, execute: weather }) },
  stopWhen: stepCountIs(ROUNDS),
};

await tell({
  whole: async () => {
    const { text, finishReason, totalUsage, steps, usage } = await generateText(task);
    const tokens = totalUsage?.totalTokens ?? usage.totalTokens;
    return { text, finish: finishReason, tokens, thought: steps[0].reasoningText ?? "" };
  },
  stream: async () => {
    const stream = streamText({ ...task, onError: () => {} });
    let thought = "";
    for await (const part of stream.fullStream) {
      if (part.type === "error") throw part.error;
      if (part.type === "reasoning-delta") thought += part.text;
    }
    const tokens = (await stream.totalUsage).totalTokens;
    return { text: await stream.text, finish: await stream.finishReason, tokens, thought };
  },
  object: async () => {
    const { output } = await generateText({ ...common, prompt: "Name a city.", output: Output.object({ schema: city }) });
    return { object: output };
  },
});
