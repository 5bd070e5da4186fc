"""Networks that write the weights of others: the graph hypernetwork, its decoders and what they write."""
