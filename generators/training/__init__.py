"""Programs that train the bundled weights, made for short runs on one GPU."""
