"""Methods as rows, their presets, and the options that they and their parts take."""
