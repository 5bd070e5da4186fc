"""Tasks in MuJoCo: a model and four functions on arrays, and what steps them, for the engine `mujoco` and Gymnasium."""
