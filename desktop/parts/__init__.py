"""Parts: their list, the tools that edit their masks, and what is done to them."""
