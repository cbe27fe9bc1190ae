"""Rerank in Cohere's shape, as OpenRouter, Jina, Voyage and vLLM serve it."""
