"""How a policy lies in a robot's memory: which tables it takes, and what is folded into them."""
