"""The page of the explorer, built of the sources in ``client/explorer-page``."""
