"""Long work beside the window: the worker threads and what runs on them."""
