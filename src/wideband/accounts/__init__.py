"""Who pays: keys, limits and the rules of holds and charges, as pure decisions on balances."""
