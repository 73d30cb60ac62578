"""What is handed on of each eye."""
