"""Groups unlabelled retinal OCT images by pathology and shows how far to trust the groups."""
