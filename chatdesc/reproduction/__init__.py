"""A dataset annotated, scored, compared and ablated in one go, and the method's tables on one page."""
