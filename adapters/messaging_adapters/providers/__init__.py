"""What a provider's transport and its receipt parser share."""
