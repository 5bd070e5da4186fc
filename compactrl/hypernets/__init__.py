"""Graph hypernetworks: the graph of an MLP, the network that reads it, the decoders that write weights."""
