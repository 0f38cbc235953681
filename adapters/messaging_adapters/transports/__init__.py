"""What delivers messages: one provider or protocol in each module."""
