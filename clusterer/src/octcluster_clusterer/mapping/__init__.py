"""Two coordinates of each member that keep neighbours together: UMAP, for people to look at."""
