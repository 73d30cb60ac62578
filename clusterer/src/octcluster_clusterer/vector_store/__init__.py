"""The vector cache on the Redis protocol."""
