"""What names mean: those of folders and files, and the values of tables."""
