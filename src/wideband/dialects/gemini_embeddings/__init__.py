"""Gemini's embedContent and batchEmbedContents."""
