"""Which endpoint next: plans, health and failover, as pure decisions."""
