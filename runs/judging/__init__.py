"""How good runs are: evaluated by a protocol, compared with each other, and judged."""
