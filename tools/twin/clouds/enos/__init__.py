"""EnOS."""
