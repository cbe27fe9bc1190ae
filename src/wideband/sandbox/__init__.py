"""The simulated market: models and providers that exist nowhere, behind real HTTP; it never serves a real model."""
