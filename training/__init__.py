"""Recipes of the small models that the package ships (``chatdesc/tiny``): ``python training/clip.py`` and so on."""
