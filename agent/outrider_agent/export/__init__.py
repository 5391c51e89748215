"""A run taken out of a home: as tables, as one page, as a bundle that another home takes in."""
