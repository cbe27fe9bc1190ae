"""Wire protocols: a folder each, none knowing another; `registry.DIALECTS` lists them."""
