"""Use cases: the paper's tables, measured on data sets in their official layouts."""
