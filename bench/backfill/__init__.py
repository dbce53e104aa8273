"""A year of days in one run, and one day more after years of them."""
