"""Takes OCT scans from a PACS or a device, and puts each eye into the clusters of a finished run."""
