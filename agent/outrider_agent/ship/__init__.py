"""Shipping: reads the spool at each sink's cursor, delivers, and deletes what every sink has passed."""
