"""Where in the picture the clip lies: cut, turned, bent, framed."""
