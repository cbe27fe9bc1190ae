"""The site: pages rendered from what analytics reads and the exchange knows, and small scripts without a build."""
