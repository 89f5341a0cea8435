"""What would keep a push from being published, found before it does."""
