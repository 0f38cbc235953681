"""Make a messenger from a configuration: a TOML file, or the same as a mapping."""

from messaging_adapters.config.file import Config, load_config
from messaging_adapters.config.messenger import messenger_from

__all__ = ["Config", "load_config", "messenger_from"]
