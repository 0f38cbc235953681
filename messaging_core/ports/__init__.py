"""What a host plugs in."""
