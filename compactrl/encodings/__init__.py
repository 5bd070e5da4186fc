"""How a policy lies in a robot's memory: which tables it takes, and what is folded into them.

- `tables`: what an encoding is.
- `dense`, `palette`, `pruned`, `patterned`, `unrolled`: the encodings, by what they exploit. A new one is a class in
  one of these files, and an entry in `formats`: in `SHARED` if it keeps what edges share, in `FORMATS` if it has a name
  of its own on the command line.
- `inputs`: what is kept of the normaliser, in floats or in bytes.
- `biases`: a float each, or few that units share.
- `formats`: which encoding a policy gets.
- `plan`: an encoding together with biases, and with the normaliser folded in; the arithmetic of the C.
- `rounding`: policies whose numbers are rounded so that they are stored as they are.
- `storage`: bytes, which follow from a plan.
- `packing`: small whole numbers in few bits.
"""
