"""What all pictures have in common: colours that everybody tells apart, sizes of print, texts of any script."""
