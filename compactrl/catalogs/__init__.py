"""All architectures of one run: their policies, their table of returns, and the choice of one."""
