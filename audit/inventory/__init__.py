"""The inventory: an independent copy of what a release must hold, and how the release compares with it."""

from cbtguard.audit.inventory.book import PARTS, Difference, look, names, read_inventory, render

__all__ = ["PARTS", "Difference", "look", "names", "read_inventory", "render"]
