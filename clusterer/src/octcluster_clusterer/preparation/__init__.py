"""What happens to vectors before they are clustered."""
