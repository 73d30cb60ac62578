"""What happened to patients' data: messages, and the file that holds them."""
