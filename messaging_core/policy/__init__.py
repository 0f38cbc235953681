"""Apply send rules to messages: quiet hours, caps, holdout, suppressions."""
