"""How large packages of others are imported: only what is used of them, whatever backend matplotlib is told to take."""
