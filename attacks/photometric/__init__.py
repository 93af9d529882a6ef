"""What the picture's values are: light, colour, noise, blur, coarse steps."""
