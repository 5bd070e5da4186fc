"""Critics: networks that value actions."""
