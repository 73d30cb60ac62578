"""From acknowledged objects to the clusters of their eyes."""
