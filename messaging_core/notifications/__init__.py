"""Send one content to users and clusters over several channels."""
