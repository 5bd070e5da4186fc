"""Files of nested state, JSON and large arrays, written atomically and checked by hash."""
