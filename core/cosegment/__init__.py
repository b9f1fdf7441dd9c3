"""Co-segmentation: the object that a set of images shares, told from the rest."""
