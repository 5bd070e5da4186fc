"""Methods as rows, their presets, and the options of methods and their parts."""
