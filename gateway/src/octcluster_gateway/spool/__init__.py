"""Objects on disk: nothing that was acknowledged is lost."""
