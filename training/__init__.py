"""Recipes of the small models that the package ships (``chatdesc/tiny``): ``python -m training.clip`` and so on."""
