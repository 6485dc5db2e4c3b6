"""One sequence on one sheet: a picture for a paper, a slide, or a letter to a dataset's authors."""
