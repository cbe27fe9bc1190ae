"""Made-up history: records drawn from seeded, documented distributions, straight into the archive."""
