"""What this machine has, what is needed for what, and the line that installs it: for errors and the doctor alike."""
